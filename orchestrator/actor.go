package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// maxBatch and maxBatchBytes are the most inputs that one step takes together. What they carry is part of the step's record and of its
// workflow task, and each of those is one message.
const (
	maxBatch      = 256
	maxBatchBytes = 512 << 10
)

// item is an input and what to do once it has been handled, effects and all.
type item struct {
	input    protocol.Input
	delivery protocol.Delivery
	record   uint64 // not an input: the workflow looks after this record, which somebody else wrote
	soon     bool   // not an input: the workflow is read, because its wake-up is due soon
	watch    bool   // not an input: the attempt of its body is still with its worker, and is to be watched further
	done     func()

	removed func(error) // hears what became of a removal that the shard itself asks for; nil for everything else
}

// actor is one workflow: its inputs are taken one batch after the other, each in one step. queue, queued, watches, awake, naps and
// interrupt are guarded by the shard's lock; the rest belongs to the goroutine that runs.
type actor struct {
	shard *shard
	id    string

	queue     []item
	queued    int    // bytes
	watches   []item // of attempts that are still with their workers; no step takes them along
	awake     bool
	naps      int    // how often the actor is in the shard's list of sleepers
	interrupt func() // cuts the wait for a worker short; nil when there is none

	w        *machine.Workflow // nil: not loaded
	asOf     time.Time         // it was as history was then
	fresh    bool              // it was read from history for the step under way
	unsure   bool              // it was read from history at all: which attempts have failed is not known
	known    bool              // the workflow ID has history: it must be read
	armed    time.Time         // the wake-up that is known to be in the timers stream
	armedSeq uint64            // and where it lies there; zero when it has fired
	strange  bool              // whether a wake-up is armed is not known: the workflow was read from history
	late     bool              // a wake-up was sent, and nobody said that it is armed: it may come yet
	last     *protocol.Record  // the last record, until its effects were looked after
	kept     keeping           // of the last step, by the worker that answered it
	foreign  bool              // its effects may be unfinished: another node wrote it
	held     []item            // inputs of a run that ended and is to be followed by another, until that has begun
	todo     []item            // what is left of the step's inputs, should it panic
}

// run takes steps until nothing waits.
func (a *actor) run() {
	s := a.shard
	defer s.end()
	for {
		batch := a.take(true)
		if len(batch) == 0 || s.ctx.Err() != nil {
			if s.sleep(a) {
				return
			}
			continue
		}
		a.try(batch)
	}
}

// try takes a step, and deals with one that cannot be taken.
func (a *actor) try(batch []item) {
	panicked, err := a.attempt(batch)
	if err == nil {
		return
	}
	if !panicked {
		a.fail(batch, err)
		return
	}
	// Its inputs are taken once more, each in a step of its own: the one at fault fails alone, and what was recorded before the panic
	// is found. If none is left, it was the next run that was to begin.
	again := [][]item{nil}
	if len(a.todo) > 0 {
		again = slices.Collect(slices.Chunk(a.todo, 1))
	}
	for _, one := range again {
		if _, err := a.attempt(one); err != nil {
			a.fail(one, err)
		}
	}
}

// attempt takes a step. After a panic, todo is what is left of its inputs.
func (a *actor) attempt(batch []item) (panicked bool, err error) {
	s := a.shard
	a.todo, panicked = batch, true
	err = guarded(s.log, "a step", func() error {
		err := a.step(s.ctx, batch)
		panicked = false
		return err
	})
	if !panicked {
		a.todo = nil
	}
	if err == nil || s.ctx.Err() != nil {
		return false, nil //nolint:nilerr // the shard is given up
	}
	if panicked { // how far the step came is known from history only
		a.onInterrupt(nil)
		a.w, a.last, a.known, a.foreign = nil, nil, true, true
	}
	return panicked, err
}

// take removes the next inputs from the queue, as many as one step can take. A start that is not the first of them waits for
// a step of its own. first says that nothing has been taken for the step yet.
func (a *actor) take(first bool) []item {
	s := a.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if first && len(a.watches) > 0 {
		batch := a.watches
		a.watches = nil
		return batch
	}
	n, size := 0, 0
	for n < len(a.queue) && n < maxBatch && !(machine.Splits(a.queue[n].input) && (n > 0 || !first)) {
		if size += len(a.queue[n].delivery.Data); size > maxBatchBytes && n > 0 {
			break
		}
		n++
	}
	batch := a.queue[:n:n]
	a.queue = a.queue[n:]
	for _, it := range batch {
		a.queued -= len(it.delivery.Data)
	}
	if len(a.queue) == 0 {
		a.queue = nil
	}
	return batch
}

// waiting reports whether inputs wait that the step under way could take along.
func (a *actor) waiting() bool {
	a.shard.mu.Lock()
	defer a.shard.mu.Unlock()
	return len(a.queue) > 0 && !machine.Splits(a.queue[0].input)
}

// onInterrupt makes an input that cannot wait cut the wait for a worker short. Nil ends that.
func (a *actor) onInterrupt(f func()) {
	a.shard.mu.Lock()
	defer a.shard.mu.Unlock()
	a.interrupt = f
	if f != nil && (a.urgent() || a.crowds()) {
		f()
	}
}

// urgent reports whether a termination waits that the step under way can take. The shard's lock is held.
func (a *actor) urgent() bool {
	for _, it := range a.queue {
		if machine.Splits(it.input) {
			return false
		}
		if _, ok := it.input.Body.(protocol.TerminateInput); ok {
			return true
		}
	}
	return false
}

// fail deals with a step that cannot be taken whatever happens: the history is damaged. The workflow is quarantined: its inputs go to
// the dead letters with the reason, and the other workflows go on. A history of a newer version waits for a newer node instead.
func (a *actor) fail(batch []item, err error) {
	s := a.shard
	s.log.Error("ALARM: a workflow is quarantined", "workflow_id", a.id, "error", err)
	a.w = nil
	batch, a.held = append(a.held, batch...), nil
	for _, it := range batch {
		if it.delivery.Subject == "" {
			it.done() // the shard's own clock
			continue
		}
		s.bury(it.delivery, it.input, err, it.done)
	}
}

// load reads the workflow's latest run, unless it is in memory. A start as the first input of an unknown workflow is
// taken for the start of a new ID: the append with expectation 0 will tell. An error says that the history is damaged.
func (a *actor) load(batch []item) error {
	for _, it := range batch {
		// A workflow that has a record to look after is not new, even if a start of it comes first. Were it taken for new, the record would
		// count as looked after, and what follows from it would never happen. One that is to be removed is not new either.
		_, removes := it.input.Body.(protocol.DeleteInput)
		a.known = a.known || it.record != 0 || removes
		if a.w != nil && it.record > a.w.Seq {
			a.forget()
		}
	}
	if a.w != nil {
		return nil
	}
	if len(batch) > 0 && machine.Splits(batch[0].input) && !a.known {
		a.w, a.strange, a.unsure = machine.New(a.id), false, false
		return nil
	}
	var broken error
	err := a.shard.persist("read a history", func(ctx context.Context) error {
		began := time.Now()
		w, last, err := loadRun(ctx, a.shard.store, a.shard.id, a.id)
		newer := err != nil && protocol.AsError(err).Code == protocol.CodeUnsupported
		if errors.Is(err, protocol.ErrCorrupt) || newer && a.crowded() { // what waits for a newer node must not keep others out
			broken = err
			return nil
		}
		if err != nil {
			return err
		}
		a.w, a.last, a.strange, a.fresh = w, last, !woken(batch), true
		a.asOf, a.unsure = began, true
		a.foreign = a.foreign || !a.shard.ledger.has(w.Seq)
		return nil
	})
	if broken != nil {
		return broken
	}
	return err
}

// forget drops what was in memory after another writer was first. If the workflow had been read before, the writer was another
// node; if not, it may have been this one, long ago.
func (a *actor) forget() {
	a.foreign = a.w.Seq != 0
	a.w, a.last, a.known, a.armed, a.armedSeq = nil, nil, true, time.Time{}, 0
}
