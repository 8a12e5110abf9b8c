package engine

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func Refuse(context.Context, string) (string, error) {
	return "", activity.Terminal(activity.NewError("NoMoney", "the card was refused", 42))
}

func Pay(ctx workflow.Context, card string) (string, error) { return workflow.Do(ctx, Refuse, card) }

// What went wrong in the activity can be told apart by whoever waits for the workflow.
func TestFailureReachesTheClient(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Pay), worker.Activity(Refuse))
	_, err := rig.Run(t, e, Pay, "4242").Wait(t.Context())
	act, isActivity := errors.AsType[*protocol.ActivityFailure](err)
	if !isActivity || act.ActivityType != "engine.Refuse" {
		t.Errorf("the activity of %v is %+v", err, act)
	}
	var app *protocol.ApplicationFailure
	for f := new(protocol.Failure); errors.As(err, &f) && app == nil; err = errors.Unwrap(f) {
		if f.Application != nil && f.Application.Type == "NoMoney" {
			app = f.Application
		}
	}
	if app == nil || !app.NonRetryable {
		t.Fatalf("the application's failure is %+v", app)
	}
	var detail int
	if err := app.Details.Decode(&detail); err != nil || detail != 42 {
		t.Errorf("its detail is %d, %v", detail, err)
	}
}

// clumsy panics until it is mended.
type clumsy struct {
	mended atomic.Bool
}

func (c *clumsy) Run(ctx workflow.Context, name string) (string, error) {
	if !c.mended.Load() {
		panic("a vase")
	}
	return workflow.Do(ctx, Hello, name)
}

// A panic in a workflow's code fails the step and nothing else: the worker goes on, the run waits for code that is right.
func TestPanicIsMended(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	c := &clumsy{}
	e.Work(t, worker.Workflow(c.Run), worker.Workflow(Greet), worker.Activity(Hello))
	run := rig.Run(t, e, c.Run, "Ada")
	e.Await(t, run.ID(), "WorkflowTaskFailed")
	failed := rig.Find[protocol.WorkflowTaskFailed](e.History(t, run.ID()))[0]
	if failed.Cause != protocol.CauseWorkflowPanic || !strings.Contains(failed.Failure.Error(), "a vase") ||
		!strings.Contains(failed.Failure.Stack, "failure_test.go") {
		t.Errorf("the failure is %+v", failed.Failure)
	}
	if got := rig.Result(t, rig.Run(t, e, Greet, "Bob")); got != "Hello Bob" {
		t.Errorf("another run on the same worker: %q", got)
	}
	c.mended.Store(true)
	if got := rig.Result(t, run); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
	if n := len(rig.Find[protocol.WorkflowTaskFailed](e.History(t, run.ID()))); n != 1 {
		t.Errorf("%d failed steps were recorded, want the first only", n)
	}
}

// Order is a workflow that is changed while runs of it are open.
func Order(ctx workflow.Context, item string) (string, error) {
	if _, err := workflow.Receive(ctx, word); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Hello, item)
}

// orderV2 does something before it waits.
func orderV2(ctx workflow.Context, item string) (string, error) {
	if _, err := workflow.Do(ctx, Hello, "reserve "+item); err != nil {
		return "", err
	}
	return Order(ctx, item)
}

// orderV3 does the same thing with another input.
func orderV3(ctx workflow.Context, item string) (string, error) {
	if _, err := workflow.Do(ctx, Hello, "book "+item); err != nil {
		return "", err
	}
	return Order(ctx, item)
}

// Code that does not do what the recorded code did is found by the command's type, its name and its input, and the report
// shows both side by side. The run waits: when the old code is back it goes on.
func TestChangedCodeIsNoticed(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	named := func(f func(workflow.Context, string) (string, error)) worker.Option {
		return worker.Workflow(f, worker.Named("engine.Order"))
	}
	stop := e.Work(t, named(orderV2), worker.Activity(Hello))
	run := rig.Run(t, e, Order, "lamp")
	rig.Until(t, "the reservation", func() bool {
		events := e.History(t, run.ID())
		return len(rig.Find[protocol.ActivityTaskCompleted](events)) == 1 && len(rig.Find[protocol.WorkflowTaskCompleted](events)) == 2
	})
	stop()
	stop = e.Work(t, named(orderV3), worker.Activity(Hello))
	if err := e.Client().SignalNamed(t.Context(), run.ID(), word.Name(), "go"); err != nil {
		t.Fatal(err)
	}
	e.Await(t, run.ID(), "WorkflowTaskFailed")
	failed := rig.Find[protocol.WorkflowTaskFailed](e.History(t, run.ID()))[0]
	report := failed.Failure.Error()
	if failed.Cause != protocol.CauseNonDeterministic {
		t.Errorf("the cause is %s: %s", failed.Cause, report)
	}
	for _, want := range []string{"history", "code", "engine.Hello", "failure_test.go:"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	stop()
	e.Work(t, named(orderV2), worker.Activity(Hello))
	if got := rig.Result(t, run); got != "Hello lamp" {
		t.Errorf("got %q", got)
	}
}
