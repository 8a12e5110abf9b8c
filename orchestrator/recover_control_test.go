package orchestrator

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// holds is for a node that dies after a record with an event of a type.
func holds(typ protocol.EventType) func(*protocol.Record) bool {
	return func(r *protocol.Record) bool {
		return slices.ContainsFunc(r.Events, func(e protocol.Event) bool { return e.Type() == typ })
	}
}

// must fails the test if a call did not succeed.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The node dies after the record of a start that is to wait: the run begins in time, though nothing but its wake-up tells of it.
func TestDeathDuringADelay(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, holds("WorkflowExecutionStarted"), chains()...)
		r.ends(r.start("twice", client.Delay(200*time.Millisecond)), "the second run")
	})
}

// The node dies after the record that holds both the start and its signal.
func TestDeathAfterASignalWithStart(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, holds("WorkflowExecutionSignaled"), chains()...)
		run, err := client.SignalWithStartNamed[string](t.Context(), r.client, "waits", 0, one.Name(), "both", client.ID("wf"))
		must(t, err)
		r.ends(run, "both")
	})
}

// The node dies after the record of a cancellation. Whoever asked for it hears that it is recorded, and asking again changes nothing.
func TestDeathAfterACancellation(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, holds("WorkflowExecutionCancelRequested"), chains()...)
		run := r.start("waits")
		must(t, r.client.Cancel(t.Context(), "wf", client.WithRequestID("once")))
		must(t, r.client.Cancel(t.Context(), "wf", client.WithRequestID("once")))
		if _, err := run.Wait(t.Context()); !errors.Is(err, workflow.ErrCanceled) {
			t.Errorf("the run ended with %v", err)
		}
		<-r.first.died
	})
}

// The node dies after the record that pauses a run, or lets it go on. The next one knows whether the run is paused.
func TestDeathAroundAPause(t *testing.T) {
	t.Parallel()
	for _, typ := range []protocol.EventType{"WorkflowExecutionPaused", "WorkflowExecutionUnpaused"} {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, via way) {
				r := newRelay(t, via, holds(typ), chains()...)
				run := r.start("waits")
				must(t, r.client.Pause(t.Context(), "wf"))
				must(t, client.Signal(t.Context(), r.client, "wf", one, "meanwhile"))
				d, err := r.client.Describe(t.Context(), "wf")
				must(t, err)
				if d.Paused == nil || d.Status != protocol.StatusRunning {
					t.Errorf("the run is %+v", d)
				}
				must(t, r.client.Unpause(t.Context(), "wf"))
				r.ends(run, "meanwhile")
			})
		})
	}
}

// The node dies after the record in which a run's time is over: its end is announced, or found by who asks.
func TestDeathAfterATimeout(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, holds("WorkflowExecutionTimedOut"), chains()...)
		_, err := r.start("waits", client.RunTimeout(200*time.Millisecond)).Wait(t.Context())
		if _, ok := errors.AsType[*protocol.TimeoutFailure](err); !ok {
			t.Errorf("the run ended with %v", err)
		}
		<-r.first.died
	})
}
