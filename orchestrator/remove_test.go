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

func atOnceDone(_ workflow.Context, _ int) (string, error) { return "done", nil }

func short() worker.Option { return worker.Workflow(atOnceDone, worker.Named("short")) }

// until waits for something that nobody announces.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (r *relay) done(run *client.Run[string]) {
	r.t.Helper()
	if got, err := run.Wait(r.t.Context()); err != nil || got != "done" {
		r.t.Fatalf("it ends with %q, %v", got, err)
	}
}

func (r *relay) delete() error {
	r.t.Helper()
	var err error
	until(r.t, "a deletion", func() bool {
		err = r.client.Delete(r.t.Context(), "wf")
		return !errors.Is(err, protocol.ErrUnavailable) && !errors.Is(err, protocol.ErrTimeout)
	})
	return err
}

// Somebody removes the history between the moment at which a node decides a start and the one at which it writes the record.
func TestPurgeBetweenDecisionAndRecord(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		var r *relay
		purged := make(chan error, 1)
		second := make(chan struct{})
		r = newRelayOf(t, &mortal{
			dies: func(*protocol.Record) bool { return false },
			fears: func(record *protocol.Record) {
				select {
				case <-second:
				default:
					return
				}
				if record.Prev == "" || record.Step != 1 {
					return
				}
				last, err := r.store.Last(context.Background(), 0, "wf")
				purged <- errors.Join(err, r.store.Purge(context.Background(), 0, "wf", last.Seq))
			},
		}, via, short())
		r.done(r.start("short"))
		close(second)
		run := r.start("short")
		r.done(run)
		if err := <-purged; err != nil {
			t.Fatal(err)
		}
		for e, err := range r.client.History(t.Context(), "wf") {
			if err != nil || e.ID == 1 && e.Attributes.(protocol.WorkflowExecutionStarted).RunID != run.RunID() {
				t.Errorf("the history is that of %v, %v", e, err)
			}
		}
	})
}

// The node dies in the middle of a removal, before and after the history is gone: nothing is left, and the ID is free.
func TestDeathInARemoval(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before the purge": false, "after the purge": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, via way) {
				r := newRelayOf(t, &mortal{
					dies: func(*protocol.Record) bool { return false }, buries: func(gone bool) bool { return gone == after },
				}, via, short())
				r.done(r.start("short"))
				if err := r.delete(); err != nil && !errors.Is(err, protocol.ErrNotFound) {
					t.Fatal(err)
				}
				if _, err := r.client.Describe(t.Context(), "wf"); !errors.Is(err, protocol.ErrNotFound) {
					t.Errorf("afterwards: %v", err)
				}
				r.done(r.start("short"))
			})
		})
	}
}

// The end of a run whose effects were not performed is not removed: the next owner needs it to perform them.
func TestUnfinishedEndStays(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		closes := func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionCompleted") }
		r := newRelay(t, via, closes, short())
		run := r.start("short")
		<-r.first.died
		r.done(run)
		if err := r.delete(); err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, err := range r.store.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			rows++
		}
		if rows != 0 {
			t.Errorf("%d rows are left", rows)
		}
	})
}

// expiring is a shard with a workflow of three runs, and the moments at which they ended.
func expiring(t *testing.T) (s *shard, r *relay, ended []time.Time) {
	t.Helper()
	r = newRelay(t, direct, func(*protocol.Record) bool { return false }, short())
	for range 3 {
		r.done(r.start("short"))
		last, err := r.store.Last(t.Context(), 0, "wf")
		if err != nil {
			t.Fatal(err)
		}
		ended = append(ended, last.Time.Add(time.Nanosecond))
	}
	s = newShard(context.Background(), 0, protocol.DefaultNamespace, r.store, r.rows(r.store), slog.New(slog.DiscardHandler), uuid.NewString)
	if err := s.start(); err != nil { // a second owner does no harm
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(context.Background(), nil) })
	return s, r, ended
}

// Runs go when they have ended long enough ago, those of one ID one after the other, and none before.
func TestExpire(t *testing.T) {
	t.Parallel()
	s, r, ended := expiring(t)
	left := func() (runs int) {
		seen := map[string]bool{}
		for o, err := range r.store.Old(t.Context(), 0, 1, time.Now().Add(time.Hour)) {
			if err != nil {
				t.Fatal(err)
			}
			seen[o.Run] = true
		}
		return len(seen)
	}
	if n, err := s.expire(t.Context(), ended[0].Add(-time.Microsecond)); n != 0 || err != nil || left() != 3 {
		t.Fatalf("before the first has ended: %d, %v; %d runs are left", n, err, left())
	}
	for i, before := range ended {
		until(t, "the removal of a run", func() bool {
			n, err := s.expire(t.Context(), before)
			if err != nil || n > 1 {
				t.Fatalf("expire: %d, %v", n, err)
			}
			return n == 1
		})
		if left() != 2-i {
			t.Fatalf("%d runs are left after %d removals", left(), i+1)
		}
	}
}
