package orchestrator

import (
	"context"
	"sync/atomic"
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

// twins is an activity whose first attempt ends when it is let, and the next one when it is told to stop.
type twins struct {
	begun        atomic.Int32
	both         chan struct{} // closed when two have begun
	end, stopped chan struct{}
}

func (tw *twins) Hold(ctx context.Context, _ struct{}) (string, error) {
	if tw.begun.Add(1) == 1 {
		<-tw.end
		return "the first", nil
	}
	close(tw.both)
	<-ctx.Done()
	close(tw.stopped)
	return "", ctx.Err()
}

func (tw *twins) Wait(ctx workflow.Context, in struct{}) (string, error) {
	return workflow.Do(ctx, tw.Hold, in)
}

// A worker that was handed an attempt does not answer for a while, and another one begins. Then it reports after all: nobody waits for the
// other one any more. It is stopped, and lies on no queue.
func TestAWorkerIsTakenForDeadTooEarly(t *testing.T) {
	t.Parallel()
	tw := &twins{both: make(chan struct{}), end: make(chan struct{}), stopped: make(chan struct{})}
	r := newRelay(t, direct, never, worker.Workflow(tw.Wait), worker.Activity(tw.Hold))
	<-r.ready
	r.first.cut.Store(1)
	run, err := client.Start(t.Context(), r.client, tw.Wait, struct{}{}, client.ID("wf"))
	must(t, err)
	<-tw.both
	close(tw.end)
	if got, err := run.Wait(t.Context()); got != "the first" || err != nil {
		t.Errorf("the run came to %q, %v", got, err)
	}
	<-tw.stopped
	for left := true; left; {
		task, err := r.store.QueuedActivity(t.Context(), "q", run.RunID(), 5)
		must(t, err)
		left = task != nil
	}
}
