package orchestrator

import (
	"context"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// stubborn is an activity that goes on until it is told to stop, and a workflow that waits for that.
type stubborn struct{ begun chan struct{} }

func (s stubborn) Hold(ctx context.Context, _ struct{}) (string, error) {
	close(s.begun)
	<-ctx.Done()
	return "", ctx.Err()
}

func (s stubborn) Wait(ctx workflow.Context, in struct{}) (string, error) {
	return workflow.Do(ctx, s.Hold, in, workflow.WaitForCancel())
}

// The word to stop reaches a worker although it gets lost at first, as it does when the worker's connection is being made anew.
func TestAWordToStopGetsLost(t *testing.T) {
	t.Parallel()
	s := stubborn{make(chan struct{})}
	r := newRelay(t, direct, never, worker.Workflow(s.Wait), worker.Activity(s.Hold))
	<-r.ready
	run, err := client.Start(t.Context(), r.client, s.Wait, struct{}{}, client.ID("wf"))
	must(t, err)
	<-s.begun
	r.first.loses.Store(2)
	must(t, r.client.Cancel(t.Context(), "wf"))
	_, err = run.Wait(t.Context())
	if f := protocol.NewFailure(err); f.Canceled == nil {
		t.Errorf("the run came to %v", err)
	}
	if left := r.first.loses.Load(); left > 0 {
		t.Error("the word to stop was not lost")
	}
}
