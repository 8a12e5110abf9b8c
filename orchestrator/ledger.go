package orchestrator

import (
	"context"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ledgerEvery is how often the ledger is looked through and stored while something happens.
const ledgerEvery = time.Second

// ledger knows which records of a shard have had their effects. A record is the only trace of an input that came directly, so whoever
// takes the shard must find the records whose writer died before it performed what follows from them: it looks after every one beyond
// the sequence that is stored as the shard's progress.
//
// Records of others can appear while this node owns the shard, too: a node that was frozen and comes back appends a step before it
// hears that it was replaced. They show as gaps between this node's own.
type ledger struct {
	// save stores how far the owner has come, and whether it rests.
	save func(ctx context.Context, upTo uint64, rest bool) error
	// next finds the first record from a sequence on, and look has its workflow look after it and finish it.
	next  func(ctx context.Context, from uint64) (seq uint64, workflow string, err error)
	look  func(workflow string, seq uint64)
	after func(time.Duration, func())

	mu    sync.Mutex
	floor uint64              // every record up to here has had its effects
	whole uint64              // the progress is not stored before the floor has come here
	last  uint64              // the last record that is known
	work  map[uint64]bool     // true: this node wrote it
	done  map[uint64]struct{} // beyond the floor
	saved uint64
	armed bool
	taken uint64              // the last record that was there when the shard was taken
	found map[uint64]struct{} // later ones that were found, and may be this node's own: their acknowledgements are late
	// frozen says that nothing is stored any more.
	frozen bool
}

// begin sets what is known when the shard is taken: the progress that is stored and the last record that is there. If all records up to
// its Recheck are to be looked after, that begins anew unless it comes to its end.
func (l *ledger) begin(p protocol.Progress, last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := min(p.Effects, last)
	l.floor, l.last, l.saved, l.whole, l.taken = known, last, known, min(p.Recheck, last), last
	if p.Recheck > 0 {
		l.floor = min(l.floor, p.Since)
	}
}

// inherit sets what is known when the shard comes from the hands of another node: all records up to the last one have had their effects.
func (l *ledger) inherit(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floor, l.last, l.taken = last, last, last
	if last > 0 { // what is stored may be older
		l.arm(ledgerEvery)
	}
}

// settled returns the last record that is known, if all up to it are known to have had their effects.
func (l *ledger) settled() (last uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.floor == l.last && l.floor >= l.whole && !l.frozen
}

// start looks for the records that others left unfinished. By now their results find the shard's owner.
func (l *ledger) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.floor < l.last || l.floor != l.saved {
		l.armed = true
		l.after(0, l.tick) // whatever is armed already
	}
}

// written notes a record of this node, whose effects follow. It reports whether there was another record under that sequence.
func (l *ledger) written(seq uint64) (reused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found := l.found[seq]
	_, done := l.done[seq]
	delete(l.found, seq)
	if done || seq <= l.floor || l.work[seq] {
		return !found && !l.frozen // what was found was looked after
	}
	l.last = max(l.last, seq)
	l.work[seq] = true
	l.arm(ledgerEvery)
	return false
}

// freeze has nothing stored any more.
func (l *ledger) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = true
}

// reach notes that the shard's history reaches to a record, whoever wrote it.
func (l *ledger) reach(end uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end > l.last {
		l.last = end
		l.arm(0)
	}
}

// finished notes that a record has had its effects, whoever wrote it.
func (l *ledger) finished(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq <= l.floor {
		return
	}
	l.last = max(l.last, seq)
	delete(l.work, seq)
	l.done[seq] = struct{}{}
	l.advance()
	l.arm(ledgerEvery)
}

// has reports whether a record is known to have had its effects.
func (l *ledger) has(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, done := l.done[seq]
	return done || seq <= l.floor
}

func (l *ledger) advance() {
	for {
		if _, ok := l.done[l.floor+1]; !ok {
			return
		}
		l.floor++
		delete(l.done, l.floor)
	}
}

func (l *ledger) arm(wait time.Duration) {
	if !l.armed {
		l.armed = true
		l.after(wait, l.tick)
	}
}

// tick looks for the records of others, and stores how far this node has come.
func (l *ledger) tick() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := l.search(ctx)
	if err == nil {
		err = l.store(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	if err != nil || l.saved < l.last {
		l.arm(ledgerEvery)
	}
}

// store stores how far this node has come. If that fails, somebody looks after records that have had their effects, which is harmless.
func (l *ledger) store(ctx context.Context) error {
	l.mu.Lock()
	floor, keep := l.floor, l.floor == l.saved || l.floor < l.whole || l.frozen
	l.mu.Unlock()
	if keep {
		return nil
	}
	if err := l.save(ctx, floor, false); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = floor
	return nil
}

// end stores how far this node has come as the last thing that it does with the shard.
func (l *ledger) end(ctx context.Context) error {
	last, settled := l.settled()
	if !settled || last == 0 {
		return l.store(ctx)
	}
	return l.save(ctx, last, true)
}

// search has every record looked after that is neither in work nor finished.
func (l *ledger) search(ctx context.Context) error {
	gap, ok := l.gap(0)
	for ok {
		seq, workflow, err := l.next(ctx, gap)
		if err != nil {
			return err
		}
		mine := l.claim(gap, seq)
		switch {
		case seq == 0:
			return nil
		case !mine:
		case workflow == "":
			l.finished(seq) // nothing that a node wrote
		default:
			l.look(workflow, seq)
		}
		gap, ok = l.gap(seq + 1)
	}
	return nil
}

// gap is the first record from a sequence on of which nothing is known.
func (l *ledger) gap(from uint64) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq := max(from, l.floor+1); seq <= l.last; seq++ {
		if !l.knows(seq) {
			return seq, true
		}
	}
	return 0, false
}

func (l *ledger) knows(seq uint64) bool {
	_, work := l.work[seq]
	_, done := l.done[seq]
	return work || done || seq <= l.floor
}

// claim takes note of what is at a gap: seq is the first record there, zero if there is none, and what lies before it was purged. It
// reports whether the record is to be looked after.
func (l *ledger) claim(gap, seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	there := seq != 0 && seq <= l.last
	if !there {
		seq = l.last + 1
	}
	if gap == l.floor+1 && len(l.work)+len(l.done) == 0 {
		l.floor = seq - 1 // it may be a long way
	}
	for s := max(gap, l.floor+1); s < seq; s++ {
		if !l.knows(s) {
			l.done[s] = struct{}{}
		}
	}
	l.advance()
	if !there || l.knows(seq) {
		return false
	}
	l.work[seq] = false
	if seq > l.taken {
		if l.found == nil {
			l.found = make(map[uint64]struct{})
		}
		l.found[seq] = struct{}{}
	}
	return true
}
