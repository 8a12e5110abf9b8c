package orchestrator

import (
	"context"
	"sync"
	"time"
)

const (
	releaseEvery = 1000        // handled messages
	releaseAfter = time.Second // since the first handled message that is still in the stream
)

// releases knows which messages of a stream have been handled and removes them in batches: a purge costs milliseconds, so
// one message is never purged alone. Messages of different workflows are handled in any order; only a prefix can go.
//
// What is lost in a crash is at most the knowledge of the last second: those messages come again, and their records
// say that they were consumed.
type releases struct {
	purge func(ctx context.Context, seq uint64) error
	after func(time.Duration, func()) // runs a function later, unless the shard stops first

	mu      sync.Mutex
	last    uint64   // the last that was delivered
	order   []uint64 // delivered and not yet released, in stream order
	handled map[uint64]struct{}
	ready   uint64 // everything up to here has been handled,
	removed uint64 // and up to here it is gone
	count   int    // handled since the last purge
	// One purge is under way at a time, and what becomes ready meanwhile goes with the next. Of two at a time, one may fail at the very
	// moment at which the other begins, and it would be left to chance whether there is a third: the simulation would take two courses.
	armed, hurried, sweeping bool
}

func newReleases(purge func(context.Context, uint64) error, after func(time.Duration, func())) *releases {
	return &releases{purge: purge, after: after, handled: make(map[uint64]struct{})}
}

// deliver notes that a message is in work.
func (r *releases) deliver(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, seq)
	r.last = seq
}

// begin sets up to where messages are gone, or were handled by others.
func (r *releases) begin(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = seq
}

// owe notes that somebody else has handled everything up to a sequence, and did not remove it.
func (r *releases) owe(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = max(r.ready, seq)
	r.arm()
}

// upTo is a sequence up to which all messages were handled.
func (r *releases) upTo() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.order) > 0 {
		return r.order[0] - 1
	}
	return r.last
}

// reached reports whether everything up to seq has been delivered.
func (r *releases) reached(seq uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last >= seq
}

// done notes that a message was handled, effects and all.
func (r *releases) done(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handled[seq] = struct{}{}
	n := 0
	for n < len(r.order) {
		if _, ok := r.handled[r.order[n]]; !ok {
			break
		}
		delete(r.handled, r.order[n])
		r.ready = r.order[n]
		n++
	}
	r.order = r.order[n:]
	r.count += n
	r.arm()
}

// arm has what can go removed soon, or at once if it is much. The lock is held.
func (r *releases) arm() {
	switch {
	case r.sweeping || r.ready <= r.removed:
	case r.count >= releaseEvery && !r.hurried:
		r.hurried = true
		r.after(0, r.sweep)
	case !r.armed:
		r.armed = true
		r.after(releaseAfter, r.sweep)
	}
}

// sweep removes what can go, again and again while there is something. A failed purge is no loss: the next one takes its messages along.
func (r *releases) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sweeping {
		return
	}
	r.armed, r.hurried, r.sweeping = false, false, true
	r.mu.Unlock()
	r.flush()
	r.mu.Lock()
	r.sweeping = false
	r.arm()
}

// flush removes what can go.
func (r *releases) flush() {
	r.mu.Lock()
	seq := r.ready
	r.count = 0
	gone := seq <= r.removed
	r.mu.Unlock()
	if gone {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if r.purge(ctx, seq) == nil {
		r.mu.Lock()
		r.removed = max(r.removed, seq)
		r.mu.Unlock()
	}
}
