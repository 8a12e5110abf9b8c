package virtual

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func pass(_ context.Context, n int) (int, error) { return n + 1, nil }

// laps runs n activities, one after the other.
func laps(ctx workflow.Context, n int) (done int, err error) {
	for range n {
		if done, err = workflow.Do(ctx, pass, done); err != nil {
			return 0, err
		}
	}
	return done, nil
}

// asked counts the steps that workers were asked for, until it is called.
func asked(t *testing.T, e *rig.Engine) func() int {
	t.Helper()
	steps := make(chan *nats.Msg, 1000)
	prefix := strings.TrimSuffix(protocol.DefaultNamespace.WorkflowTasks("x"), "x")
	sub, err := e.Conn().ChanSubscribe(prefix+">", steps)
	if err != nil {
		t.Fatal(err)
	}
	return func() int {
		if err := sub.Unsubscribe(); err != nil {
			t.Error(err)
		}
		return len(steps)
	}
}

// A worker that takes the activities of its own steps is asked for the first step only: it foresees the others. Time stands still while
// they run, so no machine is too slow.
func TestStepsAreForeseen(t *testing.T) {
	for name, activities := range map[string]int{"a hello": 1, "a chain": 10} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				e := rig.Start(t)
				e.Work(t, worker.Workflow(laps), worker.Activity(pass))
				asks := asked(t, e)
				if got := rig.Result(t, rig.Run(t, e, laps, activities)); got != activities {
					t.Errorf("got %d", got)
				}
				if n := asks(); n != 1 {
					t.Errorf("the worker was asked %d times, want once", n)
				}
			})
		})
	}
}
