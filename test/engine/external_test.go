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

// Post sends words to another workflow.
func Post(ctx workflow.Context, to string) (string, error) {
	for _, w := range []string{"one", "two", "three"} {
		if err := workflow.SignalExternal(ctx, to, word, w); err != nil {
			return string(protocol.AsError(err).Code), nil
		}
	}
	return "sent", nil
}

func TestSignalExternal(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Post), worker.Workflow(Collect))
	to := rig.Run(t, e, Collect, 3, client.ID("to"))
	if got := rig.Result(t, rig.Run(t, e, Post, "to", client.ID("post"))); got != "sent" {
		t.Errorf("the sender ended with %q", got)
	}
	if got := rig.Result(t, to); len(got) != 3 || got[0] != "one" || got[2] != "three" {
		t.Errorf("the receiver got %q", got)
	}
	signal := rig.Find[protocol.WorkflowExecutionSignaled](e.History(t, "to"))[0]
	if signal.From == nil || signal.From.Workflow != "post" {
		t.Errorf("the signal came from %v", signal.From)
	}
	// And to those that cannot hear.
	for to, want := range map[string]protocol.Code{"to": protocol.CodeClosed, "nobody": protocol.CodeNotFound} {
		if got := rig.Result(t, rig.Run(t, e, Post, to)); got != string(want) {
			t.Errorf("a signal to %q ended with %q, want %q", to, got, want)
		}
	}
}

// Stop asks another workflow to stop.
func Stop(ctx workflow.Context, id string) (bool, error) {
	err := workflow.CancelExternal(ctx, id, workflow.Because("the shop closes"))
	if errors.Is(err, protocol.ErrNotFound) {
		return false, nil
	}
	return true, err
}

func TestCancelExternal(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Stop), worker.Workflow(Nap))
	nap := rig.Run(t, e, Nap, struct{}{}, client.ID("nap"))
	if !rig.Result(t, rig.Run(t, e, Stop, "nap")) {
		t.Error("the workflow was not found")
	}
	if _, err := nap.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
		t.Errorf("the other ended with %v", err)
	}
	asked := rig.Find[protocol.WorkflowExecutionCancelRequested](e.History(t, "nap"))
	if len(asked) != 1 || asked[0].Reason != "the shop closes" {
		t.Errorf("it was asked to stop: %+v", asked)
	}
	if rig.Result(t, rig.Run(t, e, Stop, "nobody")) {
		t.Error("nobody was found")
	}
}
