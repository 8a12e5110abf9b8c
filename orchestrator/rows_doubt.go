package orchestrator

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// doubtedFor is when a row in doubt is stored once more: that long after the time before.
var doubtedFor = [...]time.Duration{2 * time.Second, 15 * time.Second, 2 * time.Minute, 15 * time.Minute}

// looksAtOnce is how many rows are stored again before the next batch of new ones has its turn.
const looksAtOnce = 50

// doubt is a run of which a row was sent that nobody acknowledged. It is on its way still perhaps, in the socket of a server that stands
// still or among those that follow a stream's leader, and arrives when a newer one has been stored: the run would be listed as it was then
// for ever. Rows have no compare-and-set, which would be one more thing to know of every run; instead what history says is stored again
// later, and again, until whoever stood still is certainly gone.
type doubt struct {
	from    *rowSource
	id, run string
	waited  int // how many of the waits are over
	due     time.Time
}

func (d *doubt) key() string { return protocol.RowKey(d.id, d.run) }

// doubts are the runs in doubt. Those that wait equally long wait in a queue, in the order in which they are due: after an outage there may
// be very many.
type doubts struct {
	latest map[string]*doubt // of each run: there is no other
	queues [len(doubtedFor)][]*doubt
}

// wait has a doubt wait, in place of the one that there is of the run.
func (q *doubts) wait(d *doubt, now time.Time) {
	d.due = now.Add(doubtedFor[d.waited])
	q.latest[d.key()] = d
	q.queues[d.waited] = append(q.queues[d.waited], d)
}

// next is the doubt that is due first; nil when there is none.
func (q *doubts) next() (first *doubt) {
	for i, waiting := range q.queues {
		for len(waiting) > 0 && q.latest[waiting[0].key()] != waiting[0] {
			waiting = waiting[1:]
		}
		q.queues[i] = waiting
		if len(waiting) > 0 && (first == nil || waiting[0].due.Before(first.due)) {
			first = waiting[0]
		}
	}
	return first
}

// take takes some that are due out of their queues.
func (q *doubts) take(now time.Time) (due []*doubt) {
	for d := q.next(); d != nil && !d.due.After(now) && len(due) < looksAtOnce; d = q.next() {
		due = append(due, d)
		q.queues[d.waited] = q.queues[d.waited][1:]
	}
	return due
}

// doubt has the row of a run stored again later. What was planned for it begins anew.
func (r *rows) doubt(w *rowWrite) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := &doubt{from: w.from, id: w.row.ID, run: w.row.Run}
	r.doubts.wait(d, time.Now())
	r.arm(d.due)
}

// look stores again what is due, and reports whether there was anything. If one cannot be stored, all of them wait from the beginning.
func (r *rows) look() bool {
	r.mu.Lock()
	due := r.doubts.take(time.Now())
	r.mu.Unlock()
	works := true
	for _, d := range due {
		if works = works && r.storeAgain(d); works {
			d.waited++
		} else {
			d.waited = 0
		}
		r.waitAgain(d)
	}
	return len(due) > 0
}

func (r *rows) waitAgain(d *doubt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.doubts.latest[d.key()] != d: // there is a new one
	case d.waited == len(doubtedFor):
		delete(r.doubts.latest, d.key())
	default:
		r.doubts.wait(d, time.Now())
	}
}

// storeAgain stores what history says of a run, and reports whether it could.
func (r *rows) storeAgain(d *doubt) bool {
	r.writing <- struct{}{}
	defer func() { <-r.writing }()
	r.mu.Lock()
	over := r.closed
	r.mu.Unlock()
	if over || !r.pulse.sure() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), rowsTimeout)
	defer cancel()
	return r.correct(ctx, &rowWrite{from: d.from, row: protocol.Row{ID: d.id, Run: d.run}}) == nil
}
