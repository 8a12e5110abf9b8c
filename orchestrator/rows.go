package orchestrator

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// rowsEvery is how long a row may wait for others, and rowsBusy how long while there are many: a batch costs the server as much as
	// fifty more rows in it. rowsSlow is the longest wait after a batch that could not be stored.
	rowsEvery = 50 * time.Millisecond
	rowsBusy  = 200 * time.Millisecond
	rowsSlow  = 5 * time.Second
	// rowsMany is how many rows in a batch are many.
	rowsMany = 50
	// rowsTimeout is how long a batch may take.
	rowsTimeout = 5 * time.Second
	// surely is how long after a step nobody else can have taken the shard yet, who would know better what the run's row is. A node must
	// have been silent for longer before it is taken for dead.
	surely = time.Second
)

// rows writes what list shows, for all shards of a node. A run that starts and ends within one batch costs one write, and a batch under
// load is stored as one: where every write is flushed to disk, rows one by one would cost as much as the histories. Rows are derived
// from history, so the last one wins and none is ever read back by the engine. The last one must not be that of a node which stood still,
// and was replaced meanwhile: a row that was stored late is compared with history afterwards.
type rows struct {
	index   Index
	log     *slog.Logger
	pulse   *pulse        // of the node
	writing chan struct{} // holds one batch at a time: of two at once, the one with the older row of a run might be the last

	mu       sync.Mutex
	dirty    map[string]*rowWrite
	waiting  map[string]*unstored // by workflow ID
	armed    *time.Timer
	pause    time.Duration // until the next batch
	closed   bool
	flushing sync.WaitGroup
}

// unstored are the rows of a workflow that are not stored yet.
type unstored struct {
	n    int
	none chan struct{} // closed when there are none left; nil while nobody waits for that
	then []func()      // called when all of them are stored
}

type rowWrite struct {
	from *rowSource
	row  protocol.Row
	asOf time.Time // the row was as history was then
	sent bool      // a row of the run was sent, and nobody said that it is stored: it may be yet
	done []func()
}

// rowSource is where rows come from: a shard.
type rowSource struct {
	shard context.Context // ends when the shard is given up: its rows are another node's then
	// kept reports whether no other node has taken the shard since this one took it. One that is nil does not know.
	kept func(ctx context.Context) bool
	// read derives the row of a run from history once more; nil when there is none any more.
	read func(ctx context.Context, id, run string) (*protocol.Row, error)
}

func newRows(index Index, log *slog.Logger) *rows {
	return &rows{
		index: index, log: log, writing: make(chan struct{}, 1), pause: rowsEvery,
		dirty: make(map[string]*rowWrite), waiting: make(map[string]*unstored),
	}
}

// put takes a row as it was at some moment; done is called once it, or a newer row of the same run, is stored.
func (r *rows) put(from *rowSource, row protocol.Row, asOf time.Time, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := protocol.RowKey(row.ID, row.Run)
	w := r.dirty[key]
	if w == nil {
		w = &rowWrite{}
		r.dirty[key] = w
	}
	w.from, w.row, w.asOf, w.done = from, row, asOf, append(w.done, done)
	u := r.waiting[row.ID]
	if u == nil {
		u = &unstored{}
		r.waiting[row.ID] = u
	}
	u.n++
	r.arm()
}

// settle waits until every row of a workflow is stored.
func (r *rows) settle(ctx context.Context, workflow string) error {
	r.mu.Lock()
	u := r.waiting[workflow]
	if u == nil {
		r.mu.Unlock()
		return nil
	}
	if u.none == nil {
		u.none = make(chan struct{})
	}
	none := u.none
	r.mu.Unlock()
	r.flush()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// after calls f once the rows of a workflow that wait now are stored. Should this node give up the shard before, somebody else looks after
// what f would tell is done.
func (r *rows) after(workflow string, f func()) {
	r.mu.Lock()
	u := r.waiting[workflow]
	if u != nil {
		u.then = append(u.then, f)
	}
	r.mu.Unlock()
	if u == nil {
		f()
	}
}

// count notes that n rows of a workflow do not wait any more: they are stored, or another node's.
func (r *rows) count(workflow string, n int, stored bool) {
	r.mu.Lock()
	u := r.waiting[workflow]
	if !stored {
		u.then = nil
	}
	var then []func()
	if u.n -= n; u.n == 0 {
		if u.none != nil {
			close(u.none)
		}
		delete(r.waiting, workflow)
		then = u.then
	}
	r.mu.Unlock()
	for _, f := range then {
		f()
	}
}

// arm has the next batch written soon. The lock is held.
func (r *rows) arm() {
	if r.armed != nil || r.closed || len(r.dirty) == 0 {
		return
	}
	r.flushing.Add(1)
	r.armed = time.AfterFunc(r.pause, func() {
		defer r.flushing.Done()
		r.flush()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.armed = nil
		r.arm()
	})
}

// flush writes what waits. If that fails it stays for the next batch, unless a newer row took its place.
func (r *rows) flush() {
	r.writing <- struct{}{}
	defer func() { <-r.writing }()
	if !r.pulse.sure() {
		return // some may be another node's by now, which is about to be found out
	}
	r.mu.Lock()
	batch := r.dirty
	r.dirty = make(map[string]*rowWrite)
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), rowsTimeout)
	defer cancel()
	r.forsake(ctx, batch)
	if len(batch) == 0 {
		return
	}
	write := make([]protocol.Row, 0, len(batch))
	keys := slices.Sorted(maps.Keys(batch))
	for _, key := range keys {
		write = append(write, batch[key].row)
	}
	if err := r.index.PutRows(ctx, write); err != nil {
		r.log.Warn("rows could not be stored; they will be tried again", "rows", len(write), "error", err, "in", r.keep(batch))
		return
	}
	r.relax(len(write))
	if again := r.confirm(ctx, batch); len(again) > 0 {
		r.keep(again)
	}
	for _, key := range keys {
		w := batch[key]
		if w == nil {
			continue // it could not be confirmed
		}
		for _, done := range w.done {
			done()
		}
		r.count(w.row.ID, len(w.done), true)
	}
}

// forsake takes out of a batch what is another node's now. One that may have been stored since, after the other's, is put right: what a
// network that stood still delivers late is before what this node hears and says now.
func (r *rows) forsake(ctx context.Context, batch map[string]*rowWrite) {
	again := make(map[string]*rowWrite)
	for _, key := range those(batch, func(w *rowWrite) bool { return w.from.shard.Err() != nil }) {
		w := batch[key]
		delete(batch, key)
		if len(w.done) > 0 {
			r.count(w.row.ID, len(w.done), false)
			w.done = nil
		}
		if !w.sent {
			continue
		}
		w.row = protocol.Row{ID: w.row.ID, Run: w.row.Run} // nobody knows what is there
		if r.correct(ctx, w) != nil {
			again[key] = w
		}
	}
	if len(again) > 0 {
		r.keep(again)
	}
}

// confirm compares the rows of a batch that were stored late with history, and stores those once more that are out of date. What history
// says after a row was stored, nobody has told otherwise before. That is done at once: when this node hears that the shard is another's,
// its rows are forgotten, and the old one would stay. A shard whose lease is the same as ever has had no other owner meanwhile, and one
// look at that spares its rows: under load all of them are late. What could not be confirmed is taken out of the batch.
func (r *rows) confirm(ctx context.Context, batch map[string]*rowWrite) (again map[string]*rowWrite) {
	again = make(map[string]*rowWrite)
	kept, now := make(map[*rowSource]bool), time.Now()
	for _, key := range those(batch, func(w *rowWrite) bool { return now.Sub(w.asOf) >= surely }) {
		w := batch[key]
		if _, known := kept[w.from]; !known {
			kept[w.from] = w.from.kept != nil && w.from.kept(ctx)
		}
		if !kept[w.from] && r.correct(ctx, w) != nil {
			again[key] = w
			delete(batch, key)
		}
	}
	return again
}

// those are the keys of the rows of a batch for which something holds, in order: what the node does should not depend on that of a map.
func those(batch map[string]*rowWrite, which func(*rowWrite) bool) (keys []string) {
	for key, w := range batch {
		if which(w) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// correct stores what history says of a run until it says the same afterwards.
func (r *rows) correct(ctx context.Context, w *rowWrite) error {
	for {
		now, err := w.from.read(ctx, w.row.ID, w.row.Run)
		if err != nil || now == nil || shows(*now, w.row) {
			return err
		}
		w.row = *now
		if err := r.index.PutRows(ctx, []protocol.Row{w.row}); err != nil {
			return err
		}
	}
}

// shows reports whether two rows of a run show the same, up to how long its history is: that is out of date soon anyway.
func shows(a, b protocol.Row) bool {
	a.HistoryLength = b.HistoryLength
	one, err := protocol.Marshal(a)
	other, failed := protocol.Marshal(b)
	return err == nil && failed == nil && bytes.Equal(one, other)
}

// relax says how long the rows after a batch that was stored may wait for each other.
func (r *rows) relax(stored int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pause = rowsEvery; stored >= rowsMany {
		r.pause = rowsBusy
	}
}

// keep puts the rows of a batch that was not stored back, and says when they are tried again.
func (r *rows) keep(batch map[string]*rowWrite) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause = min(2*r.pause, rowsSlow)
	for key, w := range batch {
		w.sent = true
		if newer, ok := r.dirty[key]; ok {
			w.row, w.from, w.asOf = newer.row, newer.from, newer.asOf
			w.done = append(w.done, newer.done...)
		}
		r.dirty[key] = w
	}
	r.arm()
	return r.pause
}

// stop ends the writing. What waits was of shards that this node has no more.
func (r *rows) stop() {
	r.mu.Lock()
	r.closed = true
	if r.armed != nil && r.armed.Stop() {
		r.flushing.Done()
	}
	r.mu.Unlock()
	r.flushing.Wait()
}
