package orchestrator

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

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
		if w.sent {
			r.doubt(w)
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
		} else {
			r.doubt(w)
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
	r.armNext()
	return r.pause
}
