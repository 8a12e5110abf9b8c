package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// tardy is a store on whose way a wake-up takes so long that its node has lost the shard when it arrives.
type tardy struct {
	ways

	loses func()
	sent  chan struct{}
}

func (s tardy) ArmWakeup(ctx context.Context, shard int, id string, at, due time.Time, known uint64) (uint64, time.Time, error) {
	select {
	case s.sent <- struct{}{}:
		s.loses()
	default: // only the first
	}
	return s.Store.ArmWakeup(context.WithoutCancel(ctx), shard, id, at, due, known)
}

// knows is a workflow as another node knows it: its run waits for an hour.
func (r *relay) knows(store Store) *actor {
	r.t.Helper()
	s := newShard(r.t.Context(), 0, protocol.DefaultNamespace, store, r.rows(r.store), slog.New(slog.DiscardHandler), uuid.NewString)
	r.t.Cleanup(func() { s.stop(context.Background(), nil) })
	a := &actor{shard: s, id: "wf", known: true}
	r.start("waits", client.Delay(time.Hour))
	must(r.t, a.load(nil))
	return a
}

// replaced is a workflow as a node knows it that has been replaced: its run waits for an hour. Meanwhile it was terminated, and the node
// that has the shard now has disarmed its wake-up.
func (r *relay) replaced() (a *actor, old tardy) {
	r.t.Helper()
	old = tardy{ways: r.store, sent: make(chan struct{}, 1)}
	a = r.knows(&old)
	old.loses = a.shard.cancel
	must(r.t, r.client.Terminate(r.t.Context(), "wf"))
	r.unarmed()
	return a, old
}

// unarmed waits until no wake-up of the workflow lies in the stream.
func (r *relay) unarmed() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	for {
		seq, err := r.store.Wakeup(ctx, 0, "wf")
		if err == nil && seq == 0 {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			r.t.Fatalf("a wake-up of a run that has ended lies at %d", seq)
		}
	}
}

// A node finishes a step, and is replaced while the wake-up is on its way: it arrives when the next node has brought the run to its end.
// It must not lie there for an hour.
func TestAWakeupArrivesLate(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, never, chains()...)
	<-r.ready
	a, old := r.replaced()
	if err := a.rearm(); err == nil {
		t.Error("the node believes that it has the shard")
	}
	<-old.sent
	r.unarmed()
}

// A node that stood still right after a record, and was replaced, does nothing of what follows from it.
func TestANodeThatStoodStillArmsNothing(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, never, chains()...)
	<-r.ready
	a, old := r.replaced()
	p := newPulse(func() { old.loses() })
	defer p.end()
	p.mu.Lock()
	p.last = time.Now().Add(-time.Minute)
	p.mu.Unlock()
	a.shard.pulse = p
	if err := a.rearm(); err == nil {
		t.Error("the node believes that it has the shard")
	}
	select {
	case <-old.sent:
		t.Error("the wake-up was armed")
	default:
	}
	r.unarmed()
}

// A wake-up that fired comes when a later one has been armed already: NATS was not to be asked in between. The later one is there still.
func TestAnEarlierWakeupComesLate(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, never, chains()...)
	<-r.ready
	a, _ := r.replaced()
	a.forget()
	must(t, a.load(nil))
	due := time.Now().Add(time.Hour)
	seq, _, err := r.store.ArmWakeup(t.Context(), 0, "wf", due, due, 0)
	must(t, err)
	a.armed, a.armedSeq, a.strange = due, seq, false
	a.notice([]item{{
		input:    protocol.Input{Workflow: "wf", Body: protocol.TimerInput{Due: time.Now()}},
		delivery: protocol.Delivery{Subject: "fired"},
	}})
	must(t, a.rearm())
	r.unarmed()
}

// relents starts a timer and does without it in the end.
func relents(ctx workflow.Context, _ int) (string, error) {
	timing, cancel := workflow.WithCancel(ctx)
	timer := workflow.NewTimer(timing, time.Hour)
	if _, err := workflow.Receive(ctx, one); err != nil {
		return "", err
	}
	cancel()
	if _, err := timer.Get(ctx); !errors.Is(err, workflow.ErrCanceled) {
		return "", err
	}
	return workflow.Receive(ctx, two)
}

// A run goes on without a timer that it had, and ends: its wake-up goes with it.
func TestAWakeupThatNobodyNeeds(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, never, worker.Workflow(relents, worker.Named("relents")))
	<-r.ready
	run := r.start("relents")
	must(t, client.Signal(t.Context(), r.client, "wf", one, ""))
	seq, err := r.store.Wakeup(t.Context(), 0, "wf")
	must(t, err)
	if seq == 0 {
		t.Error("no wake-up is armed")
	}
	must(t, client.Signal(t.Context(), r.client, "wf", two, "done"))
	if got, err := run.Wait(t.Context()); err != nil || got != "done" {
		t.Errorf("the run ended with %q, %v", got, err)
	}
	r.unarmed()
}

// hoarder is a store whose first wake-up NATS keeps for itself, and stores when the run has ended.
type hoarder struct {
	ways

	arrives func()
}

func (s *hoarder) ArmWakeup(ctx context.Context, shard int, id string, at, due time.Time, known uint64) (uint64, time.Time, error) {
	if s.arrives == nil {
		s.arrives = func() { _, _, _ = s.Store.ArmWakeup(context.WithoutCancel(ctx), shard, id, at, due, known) }
		return 0, time.Time{}, errors.New("NATS did not answer in time")
	}
	return s.Store.ArmWakeup(ctx, shard, id, at, due, known)
}

// A wake-up that nobody acknowledged is stored when the run has ended and the one that was armed instead is gone. The node has had the shard
// all the time, and nobody else would look.
func TestAWakeupIsStoredAfterTheEnd(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, never, chains()...)
	<-r.ready
	old := &hoarder{ways: r.store}
	a := r.knows(old)
	must(t, a.rearm())
	must(t, r.client.Terminate(t.Context(), "wf"))
	r.unarmed()
	a.forget()
	must(t, a.load(nil))
	must(t, a.rearm())
	old.arrives()
	r.unarmed()
}
