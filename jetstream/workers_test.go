package jetstream_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// keeps has a store keep a worker's row until the test ends.
func keeps(t *testing.T, s *jetstream.Store, queue, worker string) (leave func(context.Context) error) {
	t.Helper()
	leave, err := s.KeepWorker(t.Context(), protocol.Worker{ID: worker, Queue: queue})
	must(t, err)
	t.Cleanup(func() { _ = leave(context.Background()) })
	return leave
}

// rows is how many rows of workers there are.
func (w *world) rows(t *testing.T) uint64 {
	t.Helper()
	return w.held(t, "KV_"+ns.Bucket("workers"))
}

// An empty message is a ping: rows of workers that nobody listens for are swept away.
func TestLiveWorkersAreThoseThatAnswer(t *testing.T) {
	t.Parallel()
	w := start(t)
	work(t, w.other(t), "ada")
	keeps(t, w.Store, queue, "ada")
	keeps(t, w.Store, queue, "killed")
	keeps(t, w.Store, "another", "killed too")
	wantLive(t, w, queue, 2)
	wantLive(t, w, "", 1)
	must(t, w.PruneWorker(t.Context(), queue, "ada"))
	wantLive(t, w, "", 1)
}

func wantLive(t *testing.T, w *world, queue string, left uint64) {
	t.Helper()
	live, err := w.LiveWorkers(t.Context(), queue)
	must(t, err)
	if len(live) != 1 || live[0].ID != "ada" {
		t.Errorf("queue %q is served by %v, want ada", queue, live)
	}
	if got := w.rows(t); got != left {
		t.Errorf("%d rows are left, want %d", got, left)
	}
}

// A worker that is frozen is not listed, but its row stays: nobody would write it again when it goes on.
func TestRowOfASilentWorker(t *testing.T) {
	t.Parallel()
	w := start(t)
	frozen := connect(t, w.srv)
	sub, err := frozen.SubscribeSync(ns.WorkerTasks(queue, "ada"))
	must(t, err)
	must(t, frozen.Flush())
	keeps(t, w.Store, queue, "ada")
	live, err := w.LiveWorkers(t.Context(), queue)
	must(t, err)
	if asked, _, err := sub.Pending(); asked != 1 || err != nil || len(live) > 0 || w.rows(t) != 1 {
		t.Errorf("asked %d times, %v; listed are %v, and %d rows are left", asked, err, live, w.rows(t))
	}
}

// A row that somebody removed comes back by itself, once, and goes with the worker.
func TestRowThatIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		leave := keeps(t, w.Store, queue, "ada")
		rows, err := w.js.KeyValue(t.Context(), ns.Bucket("workers"))
		must(t, err)
		first, err := rows.Get(t.Context(), protocol.WorkerKey(queue, "ada"))
		must(t, err)
		<-time.After(time.Hour + time.Minute) // not at a moment in which the row is looked for
		if e, err := rows.Get(t.Context(), protocol.WorkerKey(queue, "ada")); err != nil || e.Revision() != first.Revision() {
			t.Errorf("a row that was there has revision %d, %v, want %d", e.Revision(), err, first.Revision())
		}
		for name, remove := range map[string]func() error{
			"deleted": func() error { return rows.Delete(t.Context(), protocol.WorkerKey(queue, "ada")) },
			"purged":  func() error { return w.PruneWorker(t.Context(), queue, "ada") },
		} {
			must(t, remove())
			if _, err := rows.Get(t.Context(), protocol.WorkerKey(queue, "ada")); err == nil {
				t.Errorf("the row is still there after it was %s", name)
			}
			<-time.After(6 * time.Minute)
			if _, err := rows.Get(t.Context(), protocol.WorkerKey(queue, "ada")); err != nil {
				t.Errorf("the row does not come back after it was %s: %v", name, err)
			}
		}
		must(t, leave(t.Context()))
		<-time.After(time.Hour)
		if n := w.rows(t); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

// A bucket that is gone may come back later than the connection, or without one: the row is written once it is there.
func TestRowInANewBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		keeps(t, w.Store, queue, "ada")
		must(t, w.js.DeleteKeyValue(t.Context(), ns.Bucket("workers")))
		<-time.After(7 * time.Minute)
		_, err := w.js.CreateKeyValue(t.Context(), natsjs.KeyValueConfig{Bucket: ns.Bucket("workers")})
		must(t, err)
		<-time.After(time.Second)
		if n := w.rows(t); n != 1 {
			t.Errorf("there are %d rows, want 1", n)
		}
	})
}
