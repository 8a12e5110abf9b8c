package orchestrator

import (
	"errors"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// ends reports whether a record ends a run with an event of a type.
func ends(r *protocol.Record, typ protocol.EventType) bool {
	return r.Events[len(r.Events)-1].Type() == typ
}

// twice asks for a second run in its first.
func twice(ctx workflow.Context, n int) (string, error) {
	if n == 0 {
		return "", workflow.ContinueAsNewNamed(ctx, "twice", 1)
	}
	return "the second run", nil
}

// again fails at its first attempt.
func again(ctx workflow.Context, _ int) (string, error) {
	if workflow.GetInfo(ctx).Attempt == 1 {
		return "", errors.New("not yet")
	}
	return "the second attempt", nil
}

// waits ends with the value of a signal.
func waits(ctx workflow.Context, _ int) (string, error) { return workflow.Receive(ctx, one) }

func chains() []worker.Option {
	return []worker.Option{
		worker.Workflow(twice, worker.Named("twice")), worker.Workflow(again, worker.Named("again")),
		worker.Workflow(waits, worker.Named("waits")),
	}
}

func (r *relay) start(name string, opts ...client.StartOption) *client.Run[string] {
	r.t.Helper()
	run, err := client.StartNamed[string](r.t.Context(), r.client, name, 0, append(opts, client.ID("wf"))...)
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// The node dies after the record in which a run continues as new: the next run begins all the same.
func TestDeathBetweenTwoRuns(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionContinuedAsNew") }, chains()...)
		r.ends(r.start("twice"), "the second run")
	})
}

// The node dies after the record in which a run fails that is to be tried again.
func TestDeathBeforeASecondAttempt(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionFailed") }, chains()...)
		r.ends(r.start("again", client.Retry(protocol.RetryPolicy{InitialInterval: 1e6})), "the second attempt")
	})
}

// The node dies after the record that terminates a run to make room for another.
func TestDeathBeforeTheRunThatTakesThePlace(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionTerminated") }, chains()...)
		first := r.start("waits")
		second := r.start("waits", client.OnConflict(protocol.ConflictTerminate))
		if first.RunID() == second.RunID() {
			t.Fatalf("both starts gave run %s", first.RunID())
		}
		if err := client.Signal(t.Context(), r.client, "wf", one, "the second run"); err != nil {
			t.Fatal(err)
		}
		r.ends(second, "the second run")
		_, err := first.Wait(t.Context())
		if _, ok := errors.AsType[*protocol.TerminatedFailure](err); !ok {
			t.Errorf("the first run ended with %v, want it terminated", err)
		}
	})
}

// A run was terminated through the inbox, and another one started directly. The next node finds the termination in the inbox once more: it was
// for the run before, though the history of this one has consumed nothing.
func TestDeathAfterTheNextRunOfATerminatedOne(t *testing.T) {
	t.Parallel()
	starts := 0
	r := newRelay(t, direct, func(r *protocol.Record) bool {
		if _, ok := r.Events[0].Attributes.(protocol.WorkflowExecutionStarted); ok {
			starts++
		}
		return starts == 2
	}, chains()...)
	<-r.ready
	r.start("waits")
	must(t, r.client.Terminate(t.Context(), "wf"))
	run := r.start("waits")
	must(t, client.Signal(t.Context(), r.client, "wf", one, "done"))
	r.ends(run, "done")
}
