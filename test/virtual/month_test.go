package virtual

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func Nap(ctx workflow.Context, d time.Duration) (time.Duration, error) {
	began := workflow.Now(ctx)
	err := workflow.Sleep(ctx, d)
	return workflow.Now(ctx).Sub(began), err
}

// A month of waiting is a message in a stream: nobody holds the run in memory, and the worker that ends it is not the one that
// began it.
func TestSleepOfThirtyDays(t *testing.T) {
	if testing.Short() {
		t.Skip("a month of heartbeats takes half a minute")
	}
	virtual(t, func(t *testing.T) {
		const month = 30 * 24 * time.Hour
		e := rig.Start(t)
		stop := e.Work(t, worker.Workflow(Nap))
		run := rig.Run(t, e, Nap, month)
		e.Await(t, run.ID(), "TimerStarted")
		stop()
		<-time.After(month - time.Hour)
		e.Work(t, worker.Workflow(Nap))
		if slept := rig.Result(t, run); slept < month || slept > month+time.Minute {
			t.Errorf("the workflow slept for %s", slept)
		}
	})
}
