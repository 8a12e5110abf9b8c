package orchestrator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// rowsEvery is how long a row may wait for others.
const rowsEvery = 50 * time.Millisecond

// rows writes what list shows. A run that starts and ends within one batch costs one write. Rows are derived from history,
// so the last one wins and none is ever read back by the engine.
type rows struct {
	index Index
	log   *slog.Logger
	after func(time.Duration, func())

	mu      sync.Mutex
	dirty   map[string]rowWrite
	waiting map[string]*unstored // by workflow ID
	armed   bool
}

// unstored are the rows of a workflow that are not stored yet.
type unstored struct {
	n    int
	none chan struct{} // closed when there are none left
}

type rowWrite struct {
	row  protocol.Row
	done []func()
}

func newRows(index Index, log *slog.Logger, after func(time.Duration, func())) *rows {
	return &rows{index: index, log: log, after: after, dirty: make(map[string]rowWrite), waiting: make(map[string]*unstored)}
}

// put takes a row; done is called once it, or a newer row of the same run, is stored.
func (r *rows) put(row protocol.Row, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := protocol.RowKey(row.ID, row.Run)
	r.dirty[key] = rowWrite{row: row, done: append(r.dirty[key].done, done)}
	u := r.waiting[row.ID]
	if u == nil {
		u = &unstored{none: make(chan struct{})}
		r.waiting[row.ID] = u
	}
	u.n++
	r.arm()
}

// settle waits until every row of a workflow is stored.
func (r *rows) settle(ctx context.Context, workflow string) error {
	r.mu.Lock()
	u := r.waiting[workflow]
	r.mu.Unlock()
	if u == nil {
		return nil
	}
	r.flush()
	select {
	case <-u.none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count notes that n rows of a workflow are stored.
func (r *rows) count(workflow string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.waiting[workflow]
	if u.n -= n; u.n == 0 {
		close(u.none)
		delete(r.waiting, workflow)
	}
}

func (r *rows) arm() {
	if !r.armed && len(r.dirty) > 0 {
		r.armed = true
		r.after(rowsEvery, r.flush)
	}
}

// flush writes the batch: all rows are published before the first is waited for. A row that could not be stored stays for
// the next batch, unless a newer one took its place.
func (r *rows) flush() {
	r.mu.Lock()
	batch := r.dirty
	r.dirty = make(map[string]rowWrite)
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	acks := make(map[string]Ack, len(batch))
	for key, w := range batch {
		acks[key] = r.index.PutRow(w.row)
	}
	failed := make(map[string]rowWrite)
	for key, ack := range acks {
		if err := ack(ctx); err != nil {
			r.log.Warn("a row could not be stored; it will be tried again", "workflow_id", batch[key].row.ID, "error", err)
			failed[key] = batch[key]
			continue
		}
		for _, done := range batch[key].done {
			done()
		}
		r.count(batch[key].row.ID, len(batch[key].done))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, w := range failed {
		if newer, ok := r.dirty[key]; ok {
			w.row = newer.row
			w.done = append(w.done, newer.done...)
		}
		r.dirty[key] = w
	}
	r.armed = false
	r.arm()
}
