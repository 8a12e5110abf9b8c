package orchestrator

import (
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// never is for a node that lives.
func never(*protocol.Record) bool { return false }

// A signal that makes a node panic is refused, however often it comes. The signals of the same step, and other workflows, are not hurt.
func TestInputThatMakesANodePanic(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		c := newCrew()
		close(c.release)
		poisoned := has(func(s protocol.WorkflowExecutionSignaled) bool { return s.Name == "poison" })
		r := newRelayOf(t, &mortal{dies: never, fears: func(r *protocol.Record) {
			if poisoned(r) {
				panic("poison")
			}
		}}, via, c.options()...)
		run, err := client.Start(t.Context(), r.client, c.Signaled, struct{}{}, client.ID("wf"))
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			if err := client.Signal(t.Context(), r.client, "wf", one, ""); err != nil {
				t.Error(err)
			}
		})
		<-c.busy // what comes now is taken together, once the gate opens
		for _, name := range []string{"before", "poison", "after"} {
			all.Go(func() {
				err := client.Signal(t.Context(), r.client, "wf", workflow.NewSignal[string](name), "")
				if poison := name == "poison"; poison != (err != nil) || poison && protocol.AsError(err).Code != protocol.CodeInternal {
					t.Errorf("the signal %s was answered with %v", name, err)
				}
			})
		}
		close(c.gate)
		all.Wait()
		if err := client.Signal(t.Context(), r.client, "wf", two, ""); err != nil {
			t.Fatal(err)
		}
		if got, err := run.Wait(t.Context()); err != nil || got != "A" {
			t.Errorf("the run ended with %q, %v", got, err)
		}
		other, err := client.Start(t.Context(), r.client, c.One, struct{}{}, client.ID("other"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := other.Wait(t.Context()); err != nil || got != "B" {
			t.Errorf("another run ended with %q, %v", got, err)
		}
	})
}

// A node that panics between a record and its effects performs them afterwards.
func TestPanicAfterARecord(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		c := newCrew()
		var once sync.Once
		r := newRelay(t, via, func(r *protocol.Record) bool {
			if schedules(r, "orchestrator.crew.B") {
				once.Do(func() { panic("once") })
			}
			return false
		}, c.options()...)
		run, err := client.Start(t.Context(), r.client, c.One, struct{}{}, client.ID("wf"))
		if err != nil && !errors.Is(err, protocol.ErrAlreadyStarted) {
			t.Fatal(err)
		}
		if got, err := run.Wait(t.Context()); err != nil || got != "B" {
			t.Errorf("the run ended with %q, %v", got, err)
		}
	})
}

// A node that panics before the run that continues another one begins it afterwards.
func TestPanicBetweenTwoRuns(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		var once sync.Once
		r := newRelayOf(t, &mortal{dies: never, fears: func(r *protocol.Record) {
			s, ok := r.Events[0].Attributes.(protocol.WorkflowExecutionStarted)
			if ok && s.PreviousRunID != "" {
				once.Do(func() { panic("once") })
			}
		}}, via, chains()...)
		if got, err := r.start("twice").Wait(t.Context()); err != nil || got != "the second run" {
			t.Errorf("the run ended with %q, %v", got, err)
		}
	})
}

// A request that makes the control API panic gets an error, and the API goes on.
func TestRequestThatMakesTheAPIPanic(t *testing.T) {
	t.Parallel()
	endpoints := control{log: slog.New(slog.DiscardHandler)}.endpoints() // without a store every request panics that is not refused
	if _, err := endpoints[protocol.EndpointDescribe](t.Context(), []byte(`{"id": "wf"}`)); protocol.AsError(err).Code != protocol.CodeInternal {
		t.Errorf("it was answered with %v", err)
	}
	if _, err := endpoints[protocol.EndpointList](t.Context(), []byte(`{"limit": -1}`)); protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("a negative limit was answered with %v", err)
	}
}
