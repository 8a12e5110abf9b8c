package workflow_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// play runs a workflow for the examples, without a server: activities answer at once, and timers fire when nothing else
// can happen. happens is called with the number of steps taken, from 0, and may add what the outside world does.
func play[I, O any](f func(workflow.Context, I) (O, error), in I, happens func(step int, w *replaytest.World)) {
	w := replaytest.New(workflow.Program(f, slog.New(slog.DiscardHandler)))
	defer w.Close()
	w.Start(in)
	for step := 0; !w.Closed(); step++ {
		if happens != nil {
			happens(step, w)
		}
		switch {
		case w.Waiting():
		case len(w.Activities()) > 0:
			perform(w, w.Activities()[0])
		case len(w.Timers()) > 0:
			w.Fire(w.Timers()[0].ID)
		}
		if a := w.Step(); a.Failure != nil {
			fmt.Println(a.Failure)
			return
		}
	}
	switch last := w.History[len(w.History)-1].Attributes.(type) {
	case protocol.WorkflowExecutionCompleted:
		fmt.Println("result:", last.Result)
	case protocol.WorkflowExecutionFailed:
		fmt.Println("failed:", last.Failure)
	case protocol.WorkflowExecutionCanceled:
		fmt.Println("canceled")
	case protocol.WorkflowExecutionContinuedAsNew:
		fmt.Printf("continues as %s(%s) with %s\n", last.WorkflowType, last.Input, last.CarriedSignals)
	}
}

// perform is the worker of the examples' activities.
func perform(w *replaytest.World, a replaytest.Activity) {
	var in string
	if err := a.Input.Decode(&in); err != nil {
		in = a.Input.String()
	}
	fmt.Printf("activity %s(%s)\n", a.Type, in)
	switch a.Type {
	case "workflow_test.Charge":
		if in == "Bob" {
			w.Fail(a.ID, &protocol.Failure{Message: "the card is empty", Application: &protocol.ApplicationFailure{Type: "NoFunds"}})
			return
		}
		w.Complete(a.ID, "receipt for "+in)
	default:
		w.Complete(a.ID, "Hello "+in)
	}
}

// Activities of the examples. A worker would run their bodies.

// Hello greets.
func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// Charge takes money.
func Charge(_ context.Context, customer string) (string, error) {
	return "receipt for " + customer, nil
}

// Refund gives it back.
func Refund(_ context.Context, _ string) (string, error) { return "", nil }
