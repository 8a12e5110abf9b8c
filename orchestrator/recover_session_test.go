package orchestrator

import (
	"context"
	"fmt"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// saw says on which queue it is done.
func saw(ctx context.Context, _ string) (string, error) { return activity.Info(ctx).Queue, nil }

// bench has two things sawn in a session, and then two in another one.
func bench(ctx workflow.Context, _ int) (string, error) {
	at := map[string]int{}
	for range 2 {
		s, err := workflow.CreateSession(ctx)
		if err != nil {
			return "", err
		}
		for range 2 {
			queue, err := workflow.NewActivity[string, string]("saw").Do(s, "")
			if err != nil {
				return "", err
			}
			at[queue]++
		}
		workflow.CompleteSession(s)
	}
	return fmt.Sprint(at), nil
}

// nth is for a node that dies after the nth record that fits.
func nth(n int, fits func(*protocol.Record) bool) func(*protocol.Record) bool {
	return func(r *protocol.Record) bool {
		if !fits(r) {
			return false
		}
		n--
		return n == 0
	}
}

// The node dies around a session: before a worker is asked for one, when a worker has offered its own queue, before an activity of the
// session is dispatched, and before the worker hears that the session is over. Its one place for sessions is free again for the next
// session, and for the next run.
func TestDeathAroundASession(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		asks := func(r *protocol.Record) bool { return schedules(r, protocol.SessionActivity) }
		saws := func(r *protocol.Record) bool { return schedules(r, "saw") }
		for name, dies := range map[string]func(*protocol.Record) bool{
			"before it is asked for":         asks,
			"when it has been offered":       holds("WorkflowExecutionSignaled"),
			"between two of its activities":  nth(2, saws),
			"between two sessions":           holds("ActivityTaskCancelRequested"),
			"in the second session":          nth(2, holds("WorkflowExecutionSignaled")),
			"before the last one is let go":  nth(2, holds("ActivityTaskCancelRequested")),
			"when the end has been recorded": holds("WorkflowExecutionCompleted"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRelay(t, via, dies, worker.Workflow(bench, worker.Named("bench")), worker.Activity(saw, worker.Named("saw")),
					worker.Sessions(1), worker.Identity("ada"))
				const want = "map[q~ada:4]"
				r.ends(r.start("bench"), want)
				next, err := client.StartNamed[string](t.Context(), r.client, "bench", 0, client.ID("next"))
				must(t, err)
				r.ends(next, want)
			})
		}
	})
}
