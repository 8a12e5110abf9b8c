package virtual

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func greet(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

func greeting(ctx workflow.Context, name string) (string, error) {
	return workflow.Do(ctx, greet, name)
}

// Somebody who watches every subject, as `nats sub '>'` does, is a listener of everything. Nodes do not take that for a worker: a run waits for
// one without an attempt that fails, and is taken up as soon as there is one.
func TestWatchedRunWaitsForItsWorker(t *testing.T) {
	virtual(t, func(t *testing.T) {
		e := rig.Start(t)
		if _, err := e.Conn().Subscribe(">", func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
		run := rig.Run(t, e, greeting, "Ada")
		<-time.After(10 * time.Minute)
		e.Work(t, worker.Workflow(greeting), worker.Activity(greet))
		begun := time.Now()
		if got := rig.Result(t, run); got != "Hello Ada" {
			t.Error(got)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("its worker was there, and it took %s", took)
		}
		if failed := rig.Find[protocol.WorkflowTaskTimedOut](e.History(t, run.ID())); len(failed) > 0 {
			t.Errorf("%d workflow tasks timed out", len(failed))
		}
	})
}
