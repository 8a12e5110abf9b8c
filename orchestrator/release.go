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
	ready   uint64 // everything up to here has been handled
	count   int    // handled since the last purge
	armed   bool
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
	if r.count == 0 || r.armed && r.count < releaseEvery {
		return
	}
	wait := releaseAfter
	if r.count >= releaseEvery {
		wait, r.count = 0, 0
	}
	r.armed = true
	r.after(wait, r.flush)
}

// flush removes what can go. A failed purge is no loss: the next one takes its messages along.
func (r *releases) flush() {
	r.mu.Lock()
	seq := r.ready
	r.armed, r.count = false, 0
	r.mu.Unlock()
	if seq == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.purge(ctx, seq); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.arm()
	}
}

// arm has what can go removed soon. The lock is held.
func (r *releases) arm() {
	if !r.armed {
		r.armed = true
		r.after(releaseAfter, r.flush)
	}
}
