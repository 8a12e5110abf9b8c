package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// index stores rows, as put says.
type index struct {
	put    func(protocol.Row) error
	stored []protocol.Row
}

func (i *index) PutRows(_ context.Context, rows []protocol.Row) error {
	for _, r := range rows {
		if err := i.put(r); err != nil {
			return err
		}
		i.stored = append(i.stored, r)
	}
	return nil
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
		r.put(rowSource{t.Context(), gone}, protocol.Row{ID: "wf", Run: "run"}, time.Now(), func() { done = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.settle(ctx, "wf"); err != nil || !done {
			t.Errorf("waiting for the rows ended with %v, done: %t", err, done)
		}
	})
}

// A node that stood still stores its row when another one has ended the run: it looks afterwards, and stores what is true.
func TestALateRowIsComparedWithHistory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes time.Duration
		want  []protocol.Status
	}{
		"late":    {2 * time.Second, []protocol.Status{protocol.StatusRunning, protocol.StatusCompleted}},
		"in time": {time.Millisecond, []protocol.Status{protocol.StatusRunning}},
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
				from := rowSource{t.Context(), func(context.Context, string, string) (*protocol.Row, error) {
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
