package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// slowIndex takes a batch of rows when the gate opens that it hands out for it.
type slowIndex struct {
	Index

	gates chan chan struct{}

	mu     sync.Mutex
	stored map[string]protocol.Status
}

func (i *slowIndex) PutRows(_ context.Context, rows []protocol.Row) error {
	gate := make(chan struct{})
	i.gates <- gate
	<-gate
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range rows {
		i.stored[r.Run] = r.Status
	}
	return nil
}

// index stores rows, as put says.
type index struct {
	Index

	put func(protocol.Row) error

	mu     sync.Mutex
	stored []protocol.Row
}

func (i *index) store(row protocol.Row) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stored = append(i.stored, row)
}

func (i *index) PutRows(_ context.Context, rows []protocol.Row) error {
	for _, r := range rows {
		if err := i.put(r); err != nil {
			return err
		}
		i.store(r)
	}
	return nil
}

// A batch with an older row of a run must not be stored after one with a newer row, however long it takes.
func TestRowsAreNotOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &slowIndex{gates: make(chan chan struct{}, 2), stored: map[string]protocol.Status{}}
		r := newRows(slow, slog.New(slog.DiscardHandler))
		defer r.stop()
		put := func(s protocol.Status) {
			r.put(&rowSource{shard: t.Context()}, protocol.Row{ID: "order-1", Run: "run-1", Status: s}, time.Now(), func() {})
		}
		put(protocol.StatusRunning)
		go r.flush()
		first := <-slow.gates
		put(protocol.StatusCompleted)
		settled := make(chan error)
		go func() { settled <- r.settle(t.Context(), "order-1") }()
		synctest.Wait()
		if len(slow.gates) > 0 {
			t.Error("two batches are written at once")
		}
		close(first)
		close(<-slow.gates)
		if err := <-settled; err != nil {
			t.Error(err)
		}
		if got := slow.stored["run-1"]; got != protocol.StatusCompleted {
			t.Errorf("the row says %s", got)
		}
	})
}

// The next run of a chain waits for the rows of the one before. If storing them fails it is tried again, whoever tried the first time.
func TestRowsThatOneWaitsForAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &index{}
		failed := false
		i.put = func(protocol.Row) error {
			<-time.After(time.Second)
			if !failed {
				failed = true
				return errors.New("not now")
			}
			return nil
		}
		r := newRows(i, slog.New(slog.DiscardHandler))
		defer r.stop()
		done := false
		gone := func(context.Context, string, string) (*protocol.Row, error) { return nil, nil }
		r.put(&rowSource{shard: t.Context(), read: gone}, protocol.Row{ID: "wf", Run: "run"}, time.Now(), func() { done = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.settle(ctx, "wf"); err != nil || !done {
			t.Errorf("waiting for the rows ended with %v, done: %t", err, done)
		}
	})
}

func says(kept bool) func(context.Context) bool { return func(context.Context) bool { return kept } }

// A node that is cut off has sent a row, and hears nothing of it; then the shard is another's, which has ended the run. The row may be stored
// only now, so the node looks, and stores what is true, until it could. A row that was never sent is forgotten.
func TestARowOfALostShardIsPutRight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := 2
		i := &index{put: func(protocol.Row) error {
			if fails--; fails >= 0 {
				return errors.New("NATS did not answer in time")
			}
			return nil
		}}
		r := newRows(i, slog.New(slog.DiscardHandler))
		shard, lost := context.WithCancel(t.Context())
		from := &rowSource{shard, nil, func(_ context.Context, id, run string) (*protocol.Row, error) {
			return &protocol.Row{ID: id, Run: run, Status: protocol.StatusCompleted}, nil
		}}
		r.put(from, protocol.Row{ID: "wf", Run: "sent", Status: protocol.StatusRunning}, time.Now(), func() {})
		r.flush()
		r.put(from, protocol.Row{ID: "wf", Run: "new", Status: protocol.StatusRunning}, time.Now(), func() {})
		lost()
		<-time.After(time.Hour)
		if err := r.settle(t.Context(), "wf"); err != nil {
			t.Error(err)
		}
		r.stop()
		want := slices.Repeat([]protocol.Row{{ID: "wf", Run: "sent", Status: protocol.StatusCompleted}}, 1+len(doubtedFor))
		if !slices.EqualFunc(i.stored, want, shows) {
			t.Errorf("stored are %v, want %v", i.stored, want)
		}
	})
}

// A row that nobody acknowledged is stored by a server that stood still, when a newer one of the run has been stored long since. The node
// has the shard as ever; it stores the newer one again, until nobody can be left who stood still.
func TestARowThatComesLateIsPutRight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := true
		i := &index{}
		i.put = func(row protocol.Row) error {
			if late {
				late = false
				time.AfterFunc(time.Minute, func() { i.store(row) })
				return errors.New("NATS did not answer in time")
			}
			return nil
		}
		r := newRows(i, slog.New(slog.DiscardHandler))
		status := protocol.StatusRunning
		from := &rowSource{t.Context(), says(true), func(_ context.Context, id, run string) (*protocol.Row, error) {
			return &protocol.Row{ID: id, Run: run, Status: status}, nil
		}}
		stored := make(chan struct{}, 2)
		put := func() {
			r.put(from, protocol.Row{ID: "wf", Run: "run", Status: status}, time.Now(), func() { stored <- struct{}{} })
			<-stored
		}
		put()
		status = protocol.StatusCompleted
		put()
		<-time.After(time.Hour)
		r.stop()
		i.mu.Lock()
		defer i.mu.Unlock()
		if n := len(r.doubts.latest); n != 0 || r.armed != nil {
			t.Errorf("%d doubts are left", n)
		}
		old := slices.IndexFunc(i.stored[2:], func(r protocol.Row) bool { return r.Status == protocol.StatusRunning })
		if last := i.stored[len(i.stored)-1]; old < 0 || last.Status != protocol.StatusCompleted {
			t.Errorf("stored are %v", i.stored)
		}
	})
}

// A node that stood still stores its row when another one has ended the run: it looks afterwards, and stores what is true. If the shard
// had no other owner meanwhile, nobody else can have ended it.
func TestALateRowIsComparedWithHistory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes time.Duration
		kept  func(context.Context) bool
		want  []protocol.Status
	}{
		"late":       {2 * time.Second, nil, []protocol.Status{protocol.StatusRunning, protocol.StatusCompleted}},
		"in time":    {time.Millisecond, nil, []protocol.Status{protocol.StatusRunning}},
		"lease lost": {2 * time.Second, says(false), []protocol.Status{protocol.StatusRunning, protocol.StatusCompleted}},
		"lease kept": {2 * time.Second, says(true), []protocol.Status{protocol.StatusRunning}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := &index{put: func(protocol.Row) error {
					<-time.After(test.takes)
					return nil
				}}
				r := newRows(i, slog.New(slog.DiscardHandler))
				defer r.stop()
				from := &rowSource{t.Context(), test.kept, func(context.Context, string, string) (*protocol.Row, error) {
					return &protocol.Row{ID: "wf", Run: "run", Status: protocol.StatusCompleted, HistoryLength: 9}, nil
				}}
				done := make(chan struct{})
				r.put(from, protocol.Row{ID: "wf", Run: "run", Status: protocol.StatusRunning}, time.Now(), func() { close(done) })
				<-done
				if len(i.stored) != len(test.want) {
					t.Fatalf("stored %v, want %v", i.stored, test.want)
				}
				for n, row := range i.stored {
					if row.Status != test.want[n] {
						t.Errorf("row %d says %s, want %s", n, row.Status, test.want[n])
					}
				}
			})
		})
	}
}

// Whoever finds nothing left to do is not done before the rows are stored that wait; if they go to another node, never.
func TestAfterTheRowsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &index{put: func(protocol.Row) error { return nil }}
		r := newRows(i, slog.New(slog.DiscardHandler))
		defer r.stop()
		var said []string
		say := func(what string) func() { return func() { said = append(said, what) } }
		row := protocol.Row{ID: "wf", Run: "run"}
		lost, give := context.WithCancel(t.Context())
		r.after("wf", say("nothing waits"))
		r.put(&rowSource{shard: t.Context()}, row, time.Now(), say("stored"))
		r.after("wf", say("after it"))
		r.after("other", say("another's"))
		r.flush()
		r.put(&rowSource{shard: lost}, row, time.Now(), say("lost"))
		r.after("wf", say("after what was lost"))
		give()
		r.flush()
		if want := []string{"nothing waits", "another's", "stored", "after it"}; !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}
