package engine

import (
	"errors"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Nap waits for a word, or until it is asked to stop.
func Nap(ctx workflow.Context, _ struct{}) (string, error) { return workflow.Receive(ctx, word) }

// Nanny starts three children which differ in what happens to them when it ends, and waits for a word.
func Nanny(ctx workflow.Context, in struct{}) (string, error) {
	children := []workflow.Child[string]{
		workflow.StartChild(ctx, Nap, in, workflow.ChildID("terminated")),
		workflow.StartChild(ctx, Nap, in, workflow.ChildID("canceled"), workflow.ParentClose(workflow.ParentCloseRequestCancel)),
		workflow.StartChild(ctx, Nap, in, workflow.ChildID("abandoned"), workflow.ParentClose(workflow.ParentCloseAbandon)),
	}
	for _, c := range children {
		if _, err := c.Started(ctx); err != nil {
			return "", err
		}
	}
	return workflow.Receive(ctx, word)
}

// The end of a parent reaches its children, in whatever way it ends.
func TestParentClose(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *rig.Engine){
		"completed": func(t *testing.T, e *rig.Engine) {
			t.Helper()
			if err := client.Signal(t.Context(), e.Client(), "nanny", word, "home"); err != nil {
				t.Fatal(err)
			}
		},
		"terminated": func(t *testing.T, e *rig.Engine) {
			t.Helper()
			if err := e.Client().Terminate(t.Context(), "nanny"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := rig.Start(t, fourShards)
			e.Work(t, worker.Workflow(Nanny), worker.Workflow(Nap))
			rig.Run(t, e, Nanny, struct{}{}, client.ID("nanny"))
			for _, id := range []string{"terminated", "canceled", "abandoned"} {
				e.Await(t, id, "WorkflowTaskCompleted")
			}
			rig.Until(t, "three children in the description", func() bool {
				d, err := e.Client().Describe(t.Context(), "nanny")
				return err == nil && len(d.Children) == 3 && d.Children[2].Run != ""
			})
			end(t, e)
			e.Await(t, "terminated", "WorkflowExecutionTerminated")
			e.Await(t, "canceled", "WorkflowExecutionCanceled")
			d, err := e.Client().Describe(t.Context(), "abandoned")
			if err != nil || d.Status != protocol.StatusRunning || d.Parent == nil || d.Parent.Workflow != "nanny" {
				t.Errorf("the abandoned child is %s of %v, %v", d.Status, d.Parent, err)
			}
		})
	}
}

// Leave starts two children in the step in which it ends.
func Leave(ctx workflow.Context, in struct{}) (string, error) {
	workflow.StartChild(ctx, Nap, in, workflow.ChildID("never"))
	workflow.StartChild(ctx, Nap, in, workflow.ChildID("orphan"), workflow.ParentClose(workflow.ParentCloseAbandon))
	return "gone", nil
}

func TestChildOfTheLastStep(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Leave), worker.Workflow(Nap))
	rig.Result(t, rig.Run(t, e, Leave, struct{}{}))
	e.Await(t, "orphan", "WorkflowExecutionStarted")
	if d, err := e.Client().Describe(t.Context(), "never"); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("the other child is %s, %v", d.Status, err)
	}
}

// Rushed cancels its child; with patience it waits for what becomes of it.
func Rushed(ctx workflow.Context, patience bool) (string, error) {
	inner, cancel := workflow.WithCancel(ctx)
	var opts []workflow.ChildOption
	if patience {
		opts = append(opts, workflow.WaitForChild())
	}
	child := workflow.StartChild(inner, Nap, struct{}{}, append(opts, workflow.ChildID("nap"))...)
	if _, err := child.Started(ctx); err != nil {
		return "", err
	}
	cancel()
	_, err := child.Get(ctx)
	if !errors.Is(err, workflow.ErrCanceled) {
		return "", err
	}
	return err.Error(), nil
}

func TestChildCanceled(t *testing.T) {
	t.Parallel()
	for _, patience := range []bool{false, true} {
		e := rig.Start(t, fourShards)
		e.Work(t, worker.Workflow(Rushed), worker.Workflow(Nap))
		rig.Result(t, rig.Run(t, e, Rushed, patience, client.ID("rushed")))
		ended := rig.Find[protocol.ChildWorkflowExecutionCanceled](e.History(t, "rushed"))
		if got, want := len(ended) == 1, patience; got != want {
			t.Errorf("with patience %t the parent learned of the child's end: %t", patience, got)
		}
		rig.Until(t, "the end of the child", func() bool {
			// Without patience it may be terminated with its parent before it has a step to accept the cancellation.
			d, err := e.Client().Describe(t.Context(), "nap")
			return err == nil && (d.Status == protocol.StatusCanceled || !patience && d.Status == protocol.StatusTerminated)
		})
	}
}

// Twins starts two children under one ID.
func Twins(ctx workflow.Context, in struct{}) (string, error) {
	first := workflow.StartChild(ctx, Nap, in, workflow.ChildID("twin"))
	_, err := workflow.DoChild(ctx, Nap, in, workflow.ChildID("twin"))
	if !errors.Is(err, protocol.ErrAlreadyStarted) {
		return "", err
	}
	if err := workflow.SignalChild(ctx, first, word, "up"); err != nil {
		return "", err
	}
	return first.Get(ctx)
}

func TestTwins(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Twins), worker.Workflow(Nap))
	if got, want := rig.Result(t, rig.Run(t, e, Twins, struct{}{})), "up"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Countdown is a chain of runs.
func Countdown(ctx workflow.Context, n int) (int, error) {
	if n > 0 {
		return 0, workflow.ContinueAsNew(ctx, Countdown, n-1)
	}
	return 42, nil
}

// Launch waits for the end of a chain.
func Launch(ctx workflow.Context, n int) (int, error) { return workflow.DoChild(ctx, Countdown, n) }

// A parent sees the end of its child's chain, not of its first run.
func TestChildContinuedAsNew(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Launch), worker.Workflow(Countdown))
	if got, want := rig.Result(t, rig.Run(t, e, Launch, 3, client.ID("launch"))), 42; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if n := len(rig.Find[protocol.ChildWorkflowExecutionCompleted](e.History(t, "launch"))); n != 1 {
		t.Errorf("the parent heard %d times of an end", n)
	}
}
