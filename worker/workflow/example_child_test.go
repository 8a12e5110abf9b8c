package workflow_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Bill is a workflow of its own, which the examples start as a child.
func Bill(_ workflow.Context, customer string) (string, error) { return "bill for " + customer, nil }

// A child is a run with a history of its own. The examples play its part.
func ExampleDoChild() {
	play(func(ctx workflow.Context, customer string) (string, error) {
		return workflow.DoChild(ctx, Bill, customer, workflow.ChildID("bill-"+customer))
	}, "Ada", func(step int, w *replaytest.World) {
		if step == 1 {
			w.StartedChild("bill-Ada")
			w.CompleteChild("bill-Ada", "bill for Ada")
		}
	})
	// Output:
	// result: "bill for Ada"
}

// What a child returns as its error keeps its type. A child whose ID is taken was never started.
func ExampleDoChild_errors() {
	play(func(ctx workflow.Context, customer string) (string, error) {
		_, err := workflow.DoChild(ctx, Bill, customer, workflow.ChildID("bill-Ada"))
		if !errors.Is(err, protocol.ErrAlreadyStarted) {
			return "", err
		}
		_, err = workflow.DoChild(ctx, Bill, customer, workflow.ChildID("another-bill"))
		var child *protocol.ChildWorkflowFailure
		if app := (*protocol.ApplicationFailure)(nil); errors.As(err, &child) && errors.As(errors.Unwrap(err), &app) {
			return fmt.Sprintf("%s: %s", child.WorkflowType, app.Type), nil
		}
		return "", err
	}, "Ada", func(step int, w *replaytest.World) {
		switch step {
		case 1:
			w.RefuseChild("bill-Ada")
		case 2:
			w.StartedChild("another-bill")
			w.FailChild("another-bill", &protocol.Failure{
				Message: "no paper", Application: &protocol.ApplicationFailure{Type: "OutOfPaper"},
			})
		}
	})
	// Output:
	// result: "workflow_test.Bill: OutOfPaper"
}

// Children run side by side, and a Select takes whatever comes first. A child that is abandoned outlives its parent.
func ExampleStartChild() {
	play(func(ctx workflow.Context, customer string) (string, error) {
		child := workflow.StartChild(ctx, Bill, customer,
			workflow.ChildID("bill-"+customer), workflow.ParentClose(workflow.ParentCloseAbandon))
		if _, err := child.Started(ctx); err != nil {
			return "", err
		}
		result := "the bill takes its time"
		err := workflow.Select(ctx,
			workflow.OnReady(child.Future, func(bill string, _ error) { result = bill }),
			workflow.OnReady(workflow.NewTimer(ctx, time.Minute), func(time.Time, error) {}),
		)
		return result, err
	}, "Ada", func(step int, w *replaytest.World) {
		if step == 1 {
			w.StartedChild("bill-Ada")
		}
	})
	// Output:
	// result: "the bill takes its time"
}

// Sold is heard by the workflow that stands for the stock.
var Sold = workflow.NewSignal[string]("sold")

// The signal is part of the other workflow's history, or was refused.
func ExampleSignalExternal() {
	play(func(ctx workflow.Context, item string) (string, error) {
		err := workflow.SignalExternal(ctx, "stock", Sold, item)
		if errors.Is(err, protocol.ErrNotFound) {
			return "there is no stock", nil
		}
		return "sold", err
	}, "lamp", func(step int, w *replaytest.World) {
		if step == 1 {
			w.AnswerExternal("stock", nil)
		}
	})
	// Output:
	// result: "sold"
}
