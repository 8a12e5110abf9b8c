package orchestrator

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/millrace-dev/millrace/protocol"
)

// slowIndex takes a batch of rows when the gate opens that it hands out for it.
type slowIndex struct {
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

// A batch with an older row of a run must not be stored after one with a newer row, however long it takes.
func TestRowsAreNotOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		index := &slowIndex{gates: make(chan chan struct{}, 2), stored: map[string]protocol.Status{}}
		r := newRows(index, slog.New(slog.DiscardHandler))
		defer r.stop()
		put := func(s protocol.Status) {
			r.put(t.Context(), protocol.Row{ID: "order-1", Run: "run-1", Status: s}, func() {})
		}
		put(protocol.StatusRunning)
		go r.flush()
		first := <-index.gates
		put(protocol.StatusCompleted)
		settled := make(chan error)
		go func() { settled <- r.settle(t.Context(), "order-1") }()
		synctest.Wait()
		if len(index.gates) > 0 {
			t.Error("two batches are written at once")
		}
		close(first)
		close(<-index.gates)
		if err := <-settled; err != nil {
			t.Error(err)
		}
		if got := index.stored["run-1"]; got != protocol.StatusCompleted {
			t.Errorf("the row says %s", got)
		}
	})
}
