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

// looksAtOnce is how many rows are stored again before the next batch of new ones has its turn.
const looksAtOnce = 50

// doubt has the row of a run stored again later. What was planned for it begins anew.
func (r *rows) doubt(w *rowWrite) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := &doubt{from: w.from, id: w.row.ID, run: w.row.Run, due: time.Now().Add(doubtedFor[0])}
	r.doubts[protocol.RowKey(d.id, d.run)] = d
	r.arm(d.due)
}

// earliest is when the first doubt is due; zero when there is none. The lock is held.
func (r *rows) earliest() (at time.Time) {
	for _, d := range r.doubts {
		if at.IsZero() || d.due.Before(at) {
			at = d.due
		}
	}
	return at
}

// look stores the rows that are due. If one cannot be stored, all wait.
func (r *rows) look(due []string) {
	for i, key := range due {
		if !r.certainOf(key) {
			r.putOff(due[i:])
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
	return keys[:min(len(keys), looksAtOnce)]
}

func (r *rows) putOff(keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		r.doubts[key].due = time.Now().Add(doubtedFor[0])
	}
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
