package orchestrator

import (
	"context"
	"log/slog"
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
// and was replaced meanwhile: a row that was stored late is compared with history afterwards. Nor one that was on its way for long: what
// nobody acknowledged is looked after.
type rows struct {
	index   Index
	log     *slog.Logger
	pulse   *pulse        // of the node
	writing chan struct{} // holds one batch at a time: of two at once, the one with the older row of a run might be the last

	mu       sync.Mutex
	dirty    map[string]*rowWrite
	waiting  map[string]*unstored // by workflow ID
	doubts   doubts
	armed    *time.Timer   // for what comes next
	next     time.Time     // when it fires
	looked   bool          // at what is in doubt, the last time
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
		dirty: make(map[string]*rowWrite), waiting: make(map[string]*unstored), doubts: doubts{latest: make(map[string]*doubt)},
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
	r.arm(time.Now().Add(r.pause))
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

// arm has what waits written by some time, or the rows in doubt that are due then. The lock is held.
func (r *rows) arm(by time.Time) {
	switch {
	case r.closed:
		return
	case r.armed == nil:
	case !by.Before(r.next) || !r.armed.Stop():
		return // it comes in time, or is at work and arms anew afterwards
	default:
		r.flushing.Done()
	}
	r.flushing.Add(1)
	r.next, r.armed = by, time.AfterFunc(time.Until(by), func() {
		defer r.flushing.Done()
		r.act()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.armed = nil
		r.armNext()
	})
}

// armNext arms for what comes next, if anything does. The lock is held.
func (r *rows) armNext() {
	soon, d := time.Now().Add(r.pause), r.doubts.next()
	switch {
	case d != nil && len(r.dirty) == 0 && d.due.After(soon):
		r.arm(d.due)
	case d != nil || len(r.dirty) > 0:
		r.arm(soon)
	}
}

// act writes what waits or looks at what is due, in turns. Never both: whoever waited for what was written goes on at that moment, and what
// a node does besides would be done in an order that no simulation can repeat.
func (r *rows) act() {
	if r.looked = !r.looked && r.look(); !r.looked {
		r.flush()
	}
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
