package orchestrator

import (
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// The node dies after the record that ends a run to be reset, before the copy: the next one makes it, and the run goes on there.
func TestDeathBeforeACopy(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionTerminated") }, chains()...)
		r.reset()
	})
}

// The node dies after the record that finishes the copy, before anybody is called to take the step anew.
func TestDeathAfterACopy(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, func(r *protocol.Record) bool {
			first, ok := r.Events[0].Attributes.(protocol.WorkflowExecutionStarted)
			return ok && first.Reset != nil
		}, chains()...)
		r.reset()
	})
}

func (r *relay) reset() {
	r.t.Helper()
	run := r.start("waits")
	if err := client.Signal(r.t.Context(), r.client, "wf", two, "kept"); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.client.Reset(r.t.Context(), "wf", 4); err != nil {
		r.t.Fatal(err)
	}
	if err := client.Signal(r.t.Context(), r.client, "wf", one, "done"); err != nil {
		r.t.Fatal(err)
	}
	r.ends(run, "done")
}
