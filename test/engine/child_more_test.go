package engine

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Louder doubles a text.
func Louder(_ workflow.Context, text string) (string, error) { return text + text, nil }

// Shout passes a text through a child.
func Shout(ctx workflow.Context, text string) (string, error) {
	return workflow.DoChild(ctx, Louder, text)
}

// What is too large for a message goes through the object store, there and back.
func TestLargeChild(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Shout), worker.Workflow(Louder))
	text := strings.Repeat("loud ", 100_000)
	if got := rig.Result(t, rig.Run(t, e, Shout, text, client.ID("shout"))); got != text+text {
		t.Errorf("got %d bytes, want %d", len(got), 2*len(text))
	}
	asked := rig.Find[protocol.StartChildWorkflowExecutionInitiated](e.History(t, "shout"))[0]
	if asked.Input.Blob == nil {
		t.Errorf("the child's input of %d bytes is in the history", len(asked.Input.Data))
	}
}

// Vigil waits for a child, and then for a word.
func Vigil(ctx workflow.Context, in struct{}) (string, error) {
	child := workflow.StartChild(ctx, Nap, in, workflow.ChildID("napping"))
	if _, err := child.Started(ctx); err != nil {
		return "", err
	}
	first, err := workflow.Receive(ctx, word)
	if err != nil {
		return "", err
	}
	late := workflow.StartChild(ctx, Nap, in) // after the point of the reset
	if _, err := late.Started(ctx); err != nil {
		return "", err
	}
	dream, err := child.Get(ctx)
	return first + " " + dream, err
}

// A reset keeps the child that was asked for before its point, even if the child ends before the reset. A later one ends with the run
// that is reset.
func TestResetOfAParent(t *testing.T) {
	t.Parallel()
	for _, endsFirst := range []bool{false, true} {
		e := rig.Start(t, fourShards)
		e.Work(t, worker.Workflow(Vigil), worker.Workflow(Nap))
		rig.Run(t, e, Vigil, struct{}{}, client.ID("parent"))
		say := func(id, w string) {
			t.Helper()
			if err := client.Signal(t.Context(), e.Client(), id, word, w); err != nil {
				t.Fatal(err)
			}
		}
		rig.Until(t, "the child", func() bool {
			d, err := e.Client().Describe(t.Context(), "parent")
			return err == nil && len(d.Children) == 1 && d.Children[0].Run != ""
		})
		e.Await(t, "parent", "ChildWorkflowExecutionStarted")
		var point int64
		rig.Until(t, "the step after the child's start", func() bool {
			begun := false
			for ev, err := range e.Client().History(t.Context(), "parent") {
				if err != nil {
					t.Fatal(err)
				}
				begun = begun || ev.Type() == "ChildWorkflowExecutionStarted"
				if begun && ev.Type() == "WorkflowTaskCompleted" {
					point = ev.ID
				}
			}
			return point != 0
		})
		say("parent", "old")
		var late string
		rig.Until(t, "the late child", func() bool {
			d, err := e.Client().Describe(t.Context(), "parent")
			if err == nil && len(d.Children) == 2 && d.Children[1].Run != "" {
				late = d.Children[1].ID
			}
			return late != ""
		})
		if endsFirst {
			say("napping", "dream")
			e.Await(t, "parent", "WorkflowExecutionCompleted")
		}
		if _, err := e.Client().Reset(t.Context(), "parent", point, client.DropSignals()); err != nil {
			t.Fatal(err)
		}
		e.Await(t, late, "WorkflowExecutionTerminated")
		say("parent", "new")
		if !endsFirst {
			say("napping", "dream")
		}
		got := rig.Result(t, client.Get[string](e.Client(), "parent", ""))
		if want := "new dream"; got != want {
			t.Errorf("the reset run ended with %q, want %q", got, want)
		}
	}
}

// Hop is a chain of n runs, each of which waits for a word.
func Hop(ctx workflow.Context, n int) (string, error) {
	w, err := workflow.Receive(ctx, word)
	if err == nil && n > 1 {
		return "", workflow.ContinueAsNew(ctx, Hop, n-1)
	}
	return w, err
}

// Poke signals every run of a child's chain.
func Poke(ctx workflow.Context, n int) (string, error) {
	child := workflow.StartChild(ctx, Hop, n)
	for i := range n {
		if err := workflow.SignalChild(ctx, child, word, strconv.Itoa(i)); err != nil {
			return "", err
		}
	}
	return child.Get(ctx)
}

// A child is reached through its chain of runs, and no signal is lost between two of them.
func TestSignalToAChildsChain(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Poke), worker.Workflow(Hop))
	if got, want := rig.Result(t, rig.Run(t, e, Poke, 20)), "19"; got != want {
		t.Errorf("the last run got %q, want %q", got, want)
	}
}

// Stubborn fails in its first run.
func Stubborn(ctx workflow.Context, _ struct{}) (int, error) {
	if n := workflow.GetInfo(ctx).Attempt; n > 1 {
		return n, nil
	}
	return 0, workflow.NewError("NotYet", "not yet")
}

// Insist has a child that is tried again, and one that takes too long.
func Insist(ctx workflow.Context, in struct{}) (int, error) {
	_, err := workflow.DoChild(ctx, Nap, in, workflow.ChildRunTimeout(10*time.Millisecond))
	var late *protocol.TimeoutFailure
	if f, ok := errors.AsType[*protocol.Failure](err); !ok || f.Cause == nil || !errors.As(f.Cause, &late) {
		return 0, err
	}
	return workflow.DoChild(ctx, Stubborn, in, workflow.ChildRetry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(time.Millisecond),
	}), workflow.ChildMemo(map[string]any{"mood": "stubborn"}))
}

func TestChildRetriedAndTimedOut(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Insist), worker.Workflow(Stubborn), worker.Workflow(Nap))
	if got, want := rig.Result(t, rig.Run(t, e, Insist, struct{}{}, client.ID("insist"))), 2; got != want {
		t.Errorf("the child ended in attempt %d, want %d", got, want)
	}
	events := e.History(t, "insist")
	if n := len(rig.Find[protocol.ChildWorkflowExecutionTimedOut](events)); n != 1 {
		t.Errorf("%d children timed out", n)
	}
	asked := rig.Find[protocol.StartChildWorkflowExecutionInitiated](events)[1]
	d, err := e.Client().Describe(t.Context(), asked.WorkflowID)
	if err != nil || d.Memo["mood"].String() != `"stubborn"` {
		t.Errorf("the child's memo is %v, %v", d.Memo, err)
	}
}
