package orchestrator

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// doubtedFor is when a row in doubt is stored once more: that long after the time before.
var doubtedFor = []time.Duration{2 * time.Second, 15 * time.Second, 2 * time.Minute, 15 * time.Minute}

// doubt is a run of which a row was sent that nobody acknowledged. It is on its way still perhaps, in the socket of a server that stands
// still or among those that follow a stream's leader, and arrives when a newer one has been stored: the run would be listed as it was then
// for ever. Rows have no compare-and-set, which would be one more thing to know of every run; instead what history says is stored again
// later, and again, until whoever stood still is certainly gone.
type doubt struct {
	from    *rowSource
	id, run string
	looked  int
	due     time.Time
}

// doubt has the row of a run stored again later. What was planned for it begins anew.
func (r *rows) doubt(w *rowWrite) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubts[protocol.RowKey(w.row.ID, w.row.Run)] = &doubt{from: w.from, id: w.row.ID, run: w.row.Run, due: time.Now().Add(doubtedFor[0])}
	r.armLook()
}

// armLook has somebody look at the doubts soon. The lock is held.
func (r *rows) armLook() {
	if r.looking != nil || r.closed || len(r.doubts) == 0 {
		return
	}
	r.flushing.Add(1)
	r.looking = time.AfterFunc(doubtedFor[0], func() {
		defer r.flushing.Done()
		r.look()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.looking = nil
		r.armLook()
	})
}

// look stores the rows that are due. It gives way to the batches after each, and ends with the first that cannot be stored.
func (r *rows) look() {
	for _, key := range r.due() {
		if !r.certainOf(key) {
			return
		}
	}
}

func (r *rows) due() (keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.doubts)) {
		if !r.doubts[key].due.After(time.Now()) {
			keys = append(keys, key)
		}
	}
	return keys
}

// certainOf stores what history says of a run, and reports whether it could.
func (r *rows) certainOf(key string) bool {
	r.writing <- struct{}{}
	defer func() { <-r.writing }()
	r.mu.Lock()
	d, over := r.doubts[key], r.closed
	r.mu.Unlock()
	if over || !r.pulse.sure() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), rowsTimeout)
	defer cancel()
	if r.correct(ctx, &rowWrite{from: d.from, row: protocol.Row{ID: d.id, Run: d.run}}) != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch d.looked++; {
	case r.doubts[key] != d: // there is a new one
	case d.looked == len(doubtedFor):
		delete(r.doubts, key)
	default:
		d.due = time.Now().Add(doubtedFor[d.looked])
	}
	return true
}
