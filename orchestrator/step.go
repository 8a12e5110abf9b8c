package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// step takes one step: it drafts what the inputs mean, asks a worker if one is wanted, appends the one record, and performs
// what follows from it. An error says that the workflow cannot go on; everything else is tried until it works.
func (a *actor) step(ctx context.Context, batch []item) error {
	for ctx.Err() == nil {
		a.todo, a.fresh = batch, false
		if err := a.load(batch); err != nil {
			return err
		}
		// Only now: whoever has the shard, should it have been lost while this node stood still, may have refused what is decided here, and
		// told its sender; the history that was just read may have gone on since.
		if err := a.shard.certain(); err != nil {
			return nil //nolint:nilerr // the shard is given up
		}
		a.notice(batch)
		fresh, again := a.split(batch)
		a.suspect(fresh)
		if slices.ContainsFunc(again, func(it item) bool { return it.watch }) {
			if err := a.confirm(); errors.Is(err, protocol.ErrConflict) {
				a.forget()
				continue
			} else if err != nil {
				return err
			}
		}
		if err := a.recover(again, fresh); err != nil {
			return err
		}
		var later []item
		next, follows := a.w.Successor()
		if follows {
			fresh, later = []item{{input: next, done: func() {}}}, fresh
		}
		if len(fresh) == 0 {
			return nil
		}
		left, err := a.takeStep(ctx, fresh)
		if errors.Is(err, protocol.ErrConflict) {
			// Another writer was first: another node that holds, or held, the lease. Nothing of this step happened.
			a.forget()
			if follows {
				left = left[1:] // history tells again whether a run follows
			}
			left = a.giveBack(left)
		} else if err != nil {
			return err
		}
		batch = append(left, later...)
		if _, follows := a.w.Successor(); len(batch) == 0 && !follows && len(a.held) == 0 {
			return nil
		}
	}
	return nil
}

// giveBack refuses what came directly, after another writer was first, and returns the rest. If that was the node which has the shard now,
// because this one was frozen or cut off, the senders have told the inbox long ago, and heard what became of that: decided here once more,
// what was refused there could be taken.
func (a *actor) giveBack(batch []item) (rest []item) {
	for _, it := range batch {
		if it.delivery.Reply == "" {
			rest = append(rest, it)
			continue
		}
		a.shard.store.RefuseDirect(it.delivery.Reply)
		it.done()
	}
	return rest
}

// takeStep takes one step with as many of the inputs as it can, and returns those that it left. After a conflict those are all, and
// the ones that came meanwhile.
func (a *actor) takeStep(ctx context.Context, fresh []item) (left []item, err error) {
	if b, ok := fresh[0].input.Body.(protocol.DeleteInput); ok {
		a.remove(fresh[0], b)
		return fresh[1:], nil
	}
	if machine.Begins(fresh[0].input) {
		// Once the next run has a record, nothing tells any more that the row of the one before may be missing.
		if err := a.shard.rows.settle(ctx, a.id); err != nil {
			return nil, nil //nolint:nilerr // the shard is given up
		}
	}
	if err := a.fetchReset(&fresh[0].input); err != nil {
		return nil, err
	}
	if err := a.listen(); err != nil {
		return nil, nil //nolint:nilerr // the shard is given up
	}
	t, err := a.draft(ctx, fresh)
	if err != nil {
		return nil, nil //nolint:nilerr // the shard is given up
	}
	ready := t.decide(ctx)
	if ctx.Err() != nil {
		return nil, nil //nolint:nilerr // the shard is given up: the next owner takes the step
	}
	if ready.Record == nil && slices.ContainsFunc(t.batch, func(it item) bool { return it.delivery.Subject != "" }) {
		if err := a.confirm(); err != nil {
			return t.batch, err
		}
	}
	err = t.record(ready)
	if errors.Is(err, protocol.ErrTooLarge) {
		ready = t.tooLarge(err)
		err = t.record(ready)
	}
	if n := len(t.batch); n > 1 && errors.Is(err, protocol.ErrTooLarge) {
		// What came while the worker worked makes it too large. One input alone fits, as it was a message itself.
		left, err := a.takeStep(ctx, t.batch[:n/2:n/2])
		return append(left, t.batch[n/2:]...), err
	}
	if err != nil {
		return t.batch, err
	}
	taken := len(t.batch) - ready.Left
	return t.batch[taken:], a.perform(ready, t.batch[:taken])
}

// confirm finds out whether history ends where this node believes that it does; an error of code conflict says no. A step that leaves no
// record has no compare-and-set to tell, and lets its inputs go all the same: an answer to what a node asked that did not know that it was
// replaced would be taken for nobody's.
func (a *actor) confirm() error {
	if a.fresh {
		return nil
	}
	var last protocol.Entry
	err := a.shard.persist("confirm the end of a history", func(ctx context.Context) (err error) {
		last, err = a.shard.store.Last(ctx, a.shard.id, a.id)
		return err
	})
	if err == nil && last.Seq != a.w.Seq {
		return protocol.Errorf(protocol.CodeConflict, "another node wrote record %d", last.Seq)
	}
	return err
}

// listen looks for heartbeats of activities that somebody else completes, whose time has come.
func (a *actor) listen() error {
	for _, event := range a.w.Silent(a.shard.time.now()) {
		err := a.shard.persist("look for a heartbeat", func(ctx context.Context) error {
			h, err := a.shard.store.Heartbeat(ctx, a.w.Run.ID(), event)
			if errors.Is(err, protocol.ErrCorrupt) {
				a.shard.log.Warn("a heartbeat cannot be read; it counts as none", "workflow_id", a.id, "error", err)
				return nil
			}
			if err == nil && h != nil {
				a.w.Heard(event, h.Time)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func inputs(batch []item) []protocol.Input {
	in := make([]protocol.Input, len(batch))
	for i, it := range batch {
		in[i] = it.input
	}
	return in
}

// split tells the inputs that a recorded step has consumed, which are delivered again because their node died before it
// released them, from the new ones. What is no input is of the first kind: loading the workflow is all that it takes.
func (a *actor) split(batch []item) (fresh, again []item) {
	for _, it := range batch {
		if it.record != 0 || it.soon || it.watch || a.w.Consumed(it.input.Seq) && !a.w.Forgot(it.input) {
			again = append(again, it)
		} else {
			fresh = append(fresh, it)
		}
	}
	return fresh, again
}

// commit appends the record, which is the moment at which the step happens, and folds it into the workflow.
func (a *actor) commit(ready machine.Ready) error {
	r := ready.Record
	if r == nil {
		return nil
	}
	// The last record is finished first, as far as this step does not finish it.
	if err := a.shard.handed.settle(a.id, ready); err != nil {
		return err
	}
	if err := a.shard.certain(); err != nil {
		return err // whoever else was to write a watch may not have done so
	}
	data, err := protocol.Marshal(r)
	if err != nil {
		return err
	}
	r.Size, r.Blobs = len(data), protocol.BlobNames(data)
	data = protocol.Pack(data)
	var seq uint64
	var final error
	began := time.Now()
	err = a.shard.persist("append a record", func(ctx context.Context) error {
		if err := a.shard.keep(ctx, r.Blobs); err != nil {
			return err
		}
		seq, final = a.shard.store.Append(ctx, a.shard.id, r, data, a.w.Seq)
		if errors.Is(final, protocol.ErrConflict) || errors.Is(final, protocol.ErrTooLarge) {
			return nil
		}
		return final
	})
	if err != nil || final != nil {
		return errors.Join(err, final)
	}
	a.asOf = began
	if a.shard.ledger.written(seq) {
		a.shard.reused(seq)
	}
	return a.w.Apply(seq, protocol.Digest(data), r)
}

// taking is a step while it asks workers.
type taking struct {
	*actor
	batch []item
	turn  *machine.Turn
	whole bool // the worker's cache cannot hold what the turn has become

	foreseen *protocol.WorkflowTaskAnswer // what a worker said before it was asked; nil when it did not, or that does not count
	cached   bool                         // whoever answered last took the step from its cache
}

// decide asks workers until the step is decided: by an answer, by a failure, or because nobody is there.
func (t *taking) decide(ctx context.Context) machine.Ready {
	for ctx.Err() == nil {
		if !t.turn.Wants() || t.crowded() {
			return t.turn.Decide(t.shard.time.now())
		}
		answer, interrupted, err := t.hear(ctx)
		if interrupted && !t.mustHear() {
			return t.turn.Decide(t.shard.time.now()) // a crowd waits
		}
		// What arrived while the worker worked waits for the next step, unless there will be none.
		if interrupted || answer != nil && machine.Closes(answer) && t.waiting() {
			if t.join() {
				continue
			}
		}
		switch {
		case answer != nil:
			return t.answered(answer)
		case errors.Is(err, protocol.ErrTimeout):
			return t.turn.TimedOut("", t.shard.time.now())
		case errors.Is(err, protocol.ErrTooLarge):
			return t.turn.Answer(doesNotFit(err), t.shard.time.now())
		case !interrupted:
			return t.turn.Decide(t.shard.time.now())
		}
	}
	return machine.Ready{}
}

// answered ends the step with a worker's answer.
func (t *taking) answered(a *protocol.WorkflowTaskAnswer) machine.Ready {
	ready := t.turn.Answer(a, t.shard.time.now())
	t.kept = keeping{}
	if a.Keeps && ready.Record != nil {
		t.kept = keeping{ready.Record.Nonce, len(a.Commands)}
	}
	return ready
}

// route finds out which version of the workers' code takes the run's steps.
func (t *taking) route(ctx context.Context) error {
	queue := t.turn.Queue()
	if queue == "" {
		return nil
	}
	return t.shard.persist("read the current version of a queue", func(context.Context) error {
		current, err := t.shard.store.CurrentVersion(ctx, queue)
		t.turn.Route(current)
		return err
	})
}

// join takes the waiting inputs into the step and reports whether they change it. A signal that arrived while the worker
// ended the run must be seen by the run: the worker's commands were not recorded, so they never happened.
func (t *taking) join() bool {
	more := t.take(false)
	t.batch = append(t.batch, more...)
	changed := t.turn.Add(inputs(more), t.shard.nonce())
	t.whole = t.whole || changed
	return changed
}

// tooLarge drafts the step again without the worker's commands: a record that does not fit must not strand the run, so the
// workflow task fails, says why, and is tried again.
func (t *taking) tooLarge(err error) machine.Ready {
	t.turn = t.w.Begin(inputs(t.batch), t.shard.nonce(), t.shard.time.now())
	if !t.turn.Wants() {
		return t.turn.Decide(t.shard.time.now())
	}
	t.turn.Task(t.shard.time.now())
	return t.turn.Answer(doesNotFit(err), t.shard.time.now())
}

// doesNotFit fails a workflow task.
func doesNotFit(err error) *protocol.WorkflowTaskAnswer {
	return &protocol.WorkflowTaskAnswer{Cause: protocol.CauseBadCommand, Failure: protocol.NewFailure(err)}
}
