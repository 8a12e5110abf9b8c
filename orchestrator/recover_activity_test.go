package orchestrator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// attempts is an activity that says which attempt it is.
func attempts(ctx context.Context, _ string) (int, error) { return activity.Info(ctx).Attempt, nil }

// elsewhere runs attempts on a queue that nobody serves.
func elsewhere(ctx workflow.Context, queue string) (int, error) {
	return workflow.NewActivity[string, int]("attempts").Do(ctx, queue, workflow.Queue(queue))
}

// The node dies after the record that pauses, moves, resets or unpauses an activity, before it did anything about it. The next one takes
// the attempt off its queue and brings it back: it runs, once, and as the first.
func TestDeathBeforeARecall(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		for _, typ := range []protocol.EventType{
			"ActivityTaskPaused", "ActivityTaskOptionsUpdated", "ActivityTaskReset", "ActivityTaskUnpaused",
		} {
			t.Run(string(typ), func(t *testing.T) {
				t.Parallel()
				r := newRelay(t, via, func(r *protocol.Record) bool { return ends(r, typ) },
					worker.Workflow(elsewhere, worker.Named("elsewhere")), worker.Activity(attempts, worker.Named("attempts")))
				run, err := client.StartNamed[int](t.Context(), r.client, "elsewhere", "nowhere", client.ID("wf"))
				if err != nil {
					t.Fatal(err)
				}
				r.onQueue("nowhere", run.RunID())
				c := r.client
				for _, call := range []func() error{
					func() error { return c.PauseActivity(t.Context(), "wf", "attempts") },
					func() error {
						return c.UpdateActivity(t.Context(), "wf", "attempts", client.ActivityChanges().Queue("q").StartToClose(time.Minute))
					},
					func() error { return c.ResetActivity(t.Context(), "wf", "attempts", client.KeepPaused()) },
					func() error { return c.UnpauseActivity(t.Context(), "wf", "attempts") },
				} {
					if err := call(); err != nil {
						t.Fatal(err)
					}
				}
				if got, err := run.Wait(t.Context()); err != nil || got != 1 {
					t.Errorf("it ended in attempt %d, %v", got, err)
				}
			})
		}
	})
}

// The node dies after the record that begins an activity which runs alone, and after the one that cancels it.
func TestDeathOfAnActivityAlone(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		for _, typ := range []protocol.EventType{"ActivityTaskScheduled", "ActivityTaskCancelRequested"} {
			t.Run(string(typ), func(t *testing.T) {
				t.Parallel()
				began := make(chan struct{}, 2)
				waits := func(ctx context.Context, _ string) (string, error) {
					began <- struct{}{}
					<-ctx.Done()
					return "", context.Cause(ctx)
				}
				r := newRelay(t, via, func(r *protocol.Record) bool { return ends(r, typ) }, worker.Activity(waits, worker.Named("waits")))
				run, err := client.StartActivityNamed[string](t.Context(), r.client, "waits", "", client.ActivityOptions{}, client.ID("wf"))
				if err != nil {
					t.Fatal(err)
				}
				<-began
				if err := r.client.Cancel(t.Context(), "wf"); err != nil {
					t.Fatal(err)
				}
				if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
					t.Errorf("it ended with %v", err)
				}
			})
		}
	})
}

// onQueue waits until an attempt of the run's one activity lies on a queue.
func (r *relay) onQueue(queue, run string) {
	r.t.Helper()
	for {
		task, err := r.store.QueuedActivity(r.t.Context(), queue, run, 5)
		if err != nil {
			r.t.Fatal(err)
		}
		if task != nil {
			return
		}
	}
}
