package durable

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const apart = "apart"

// Pair runs two activities side by side, on a queue of their own.
func Pair(ctx workflow.Context, in int) (int, error) {
	first := workflow.Start(ctx, First, in, workflow.Queue(apart))
	second := workflow.Start(ctx, Second, in, workflow.Queue(apart))
	a, err := first.Get(ctx)
	if err != nil {
		return 0, err
	}
	b, err := second.Get(ctx)
	return a + b, err
}

// First is the first of them.
func First(_ context.Context, in int) (int, error) { return in + 1, nil }

// Second is the second.
func Second(_ context.Context, in int) (int, error) { return in + 2, nil }

// hangs is First on a worker that goes away before it is done.
func hangs(ctx context.Context, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// The power goes, and of what happened since two tasks were put on their queue the disk has nothing but that they were delivered, which the
// queue's consumer keeps apart. They lie in the stream and will never be delivered again; or one of them will, and the other one will not.
// Each must be run all the same.
func TestTasksWhoseRemovalIsLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		first     func(context.Context, int) (int, error)
		done      int
		unhandled int
	}{
		{"both are done", First, 2, 0},
		{"the first is not", hangs, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, left := t.TempDir(), filepath.Join(t.TempDir(), "left")
			e := rig.Start(t, rig.In(dir))
			stop := e.Work(t, worker.Workflow(Pair))
			rig.Run(t, e, Pair, 1, client.ID("pair"))
			rig.Until(t, "two tasks beside the one that is always there", func() bool { return e.Tasks(t) == 3 })
			stop()
			e.Halt(t)
			if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}

			e = rig.Start(t, rig.In(dir))
			stop = e.WorkOn(t, apart, worker.Activity(tt.first, worker.Named("durable.First")), worker.Activity(Second))
			rig.Until(t, "the tasks to be done", func() bool { return completed(t, e) == tt.done })
			stop()
			rig.Until(t, "them to be acknowledged", func() bool { return unacknowledged(t, e) == tt.unhandled })
			e.Halt(t)

			delivered := filepath.Join(streamDir("", "MR_default_TASKS"), "obs")
			for _, gone := range []string{delivered, streamDir("", "KV_MR_default_leases")} {
				if err := os.RemoveAll(filepath.Join(left, gone)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.CopyFS(filepath.Join(left, delivered), os.DirFS(filepath.Join(dir, delivered))); err != nil {
				t.Fatal(err)
			}
			e = rig.Start(t, rig.In(left))
			e.Work(t, worker.Workflow(Pair))
			e.WorkOn(t, apart, worker.Activity(First), worker.Activity(Second))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if got, err := client.Get[int](e.Client(), "pair", "").Wait(ctx); err != nil || got != 5 {
				t.Fatalf("the run ends with %d, %v, want 5", got, err)
			}
			rig.Until(t, "the queue to be empty", func() bool { return e.Tasks(t) == 1 })
		})
	}
}

// completed is how many activities of the run are.
func completed(t *testing.T, e *rig.Engine) int {
	t.Helper()
	events, err := history(t.Context(), e.Client(), "pair")
	if err != nil {
		t.Fatal(err)
	}
	return len(rig.Find[protocol.ActivityTaskCompleted](events))
}

// unacknowledged is how many tasks of the queue workers were given and have not acknowledged.
func unacknowledged(t *testing.T, e *rig.Engine) int {
	t.Helper()
	return e.Consumer(t, protocol.TaskActivity, apart).NumAckPending
}
