package engine

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// A large side effect survives the worker that had it: the next one gets it from the object store and calls nothing. What the run says of
// itself is in its description.
func TestMarkersOutliveAWorker(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	var calls atomic.Int64
	keep := func(ctx workflow.Context, _ string) (int, error) {
		long, err := workflow.SideEffect(ctx, func() (string, error) {
			calls.Add(1)
			return strings.Repeat("x", 400<<10), nil
		})
		if err != nil {
			return 0, err
		}
		v := workflow.Version(ctx, "change", workflow.DefaultVersion, 1)
		if err := workflow.UpsertMemo(ctx, map[string]any{"stage": "kept"}); err != nil {
			return 0, err
		}
		_, err = workflow.Receive(ctx, word)
		return len(long) + v, err
	}
	register := worker.Workflow(keep, worker.Named("keep"))
	stop := e.Work(t, register)
	run, err := client.StartNamed[int](t.Context(), e.Client(), "keep", "", client.ID("one"), client.Queue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	e.Await(t, "one", "MarkerRecorded")
	stop()
	e.Work(t, register)
	signals(t, e, "one", "go")
	if got := rig.Result(t, run); got != 400<<10+1 || calls.Load() != 1 {
		t.Errorf("got %d after %d calls", got, calls.Load())
	}
	d, err := e.Client().Describe(t.Context(), "one")
	if err != nil || d.Memo["stage"].String() == "" {
		t.Errorf("described as %+v, %v", d.Row, err)
	}
	if m := rig.Find[protocol.MarkerRecorded](e.History(t, "one")); len(m) != 2 || m[0].Value.Blob == nil {
		t.Errorf("markers %v", m)
	}
}
