package virtual

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// slow takes a minute, and counts how often it is begun.
type slow struct{ begun atomic.Int32 }

func (s *slow) Walk(ctx context.Context, _ struct{}) (int, error) {
	s.begun.Add(1)
	select {
	case <-time.After(time.Minute):
		return activity.Info(ctx).Attempt, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (s *slow) Run(ctx workflow.Context, in struct{}) (int, error) {
	return workflow.Do(ctx, s.Walk, in)
}

// An activity that its worker took without the queue is looked after every five seconds, and left alone.
func TestLongHandedActivity(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &slow{}
		e := rig.Start(t)
		e.Work(t, worker.Workflow(s.Run), worker.Activity(s.Walk))
		began := time.Now()
		attempt, err := rig.Run(t, e, s.Run, struct{}{}).Wait(t.Context())
		if attempt != 1 || err != nil || s.begun.Load() != 1 {
			t.Errorf("attempt %d of %d, %v", attempt, s.begun.Load(), err)
		}
		if took := time.Since(began); took > time.Minute+time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
