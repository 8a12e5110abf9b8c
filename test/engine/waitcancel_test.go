package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// tidy takes its time to stop.
type tidy struct {
	begun chan struct{}
	fails bool
}

func (s *tidy) Work(ctx context.Context, _ string) (string, error) {
	if s.fails {
		return "", errors.New("not yet")
	}
	close(s.begun)
	<-ctx.Done()
	return "tidied up", nil
}

func (s *tidy) Watch(ctx workflow.Context, _ string) (string, error) {
	return workflow.Do(ctx, s.Work, "it", workflow.WaitForCancel(), workflow.Retry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(time.Hour), MaximumInterval: workflow.Duration(time.Hour),
	}))
}

// A cancelled activity that is waited for has the last word.
func TestWaitForCancel(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := &tidy{begun: make(chan struct{})}
	e.Work(t, worker.Workflow(s.Watch), worker.Activity(s.Work))
	run := rig.Run(t, e, s.Watch, "")
	<-s.begun
	if err := e.Client().Cancel(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); got != "tidied up" {
		t.Errorf("got %q", got)
	}
}

// One that waits for its next attempt, an hour away, is cancelled at once.
func TestCancelOfAWaitingAttempt(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := &tidy{fails: true}
	e.Work(t, worker.Workflow(s.Watch), worker.Activity(s.Work))
	run := rig.Run(t, e, s.Watch, "")
	rig.Until(t, "the first failure", func() bool {
		d, err := e.Client().Describe(t.Context(), run.ID())
		return err == nil && len(d.Activities) == 1 && !d.Activities[0].NextAttempt.IsZero()
	})
	if err := e.Client().Cancel(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
		t.Errorf("the run ended with %v, want it canceled", err)
	}
}
