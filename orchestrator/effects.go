package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// perform does what follows from a decided step, in an order that a crash at any point leaves repairable:
//
//  1. those who wait hear the verdict: the step is recorded. If it leaves no record, or an attempt that is to be tried again, of which
//     no record tells, they hear it last: the sender of what came directly is all that remembers it;
//  2. attempts go to the worker that takes them; retries are armed, tasks dispatched, other workflows told, workers called: all at once,
//     then waited for; attempts that must not begin are taken off their queues;
//  3. the workflow's wake-up is set anew. Until then the old one is in the timers stream, and if this node dies now the
//     old one is what brings the next node here;
//  4. the inputs are released, and the record is noted to be finished.
//
// A node that dies in between leaves a record that is not: the next node performs the effects of that record once more. It also leaves
// inputs that are delivered again; their record tells that they were consumed.
func (a *actor) perform(ready machine.Ready, batch []item) error {
	a.w.Note(ready)
	tells, wait := toTell(ready.Verdicts)
	wait, batch = a.withdrawing(wait, batch)
	if ready.Record != nil && len(ready.Retries) == 0 {
		a.reply(wait)
	} else {
		batch = append(slices.Clip(batch), item{done: func() { a.reply(wait) }})
	}
	var fx machine.Effects
	if ready.Record != nil {
		fx = a.w.Effects(ready.Record)
		if ready.Told() {
			fx.Closed = nil
		}
		a.announce(fx)
		var toHand []protocol.ActivityTask
		toHand, fx.Activities = split(fx.Activities)
		finished := countdown(1+len(toHand), a.finished())
		a.shard.handed.give(toHand, a.foresight(toHand), finished)
		batch = append(slices.Clip(batch), item{done: finished})
	}
	fx.Activities = append(fx.Activities, ready.Resumed...)
	fx.Tells = slices.Concat(tells, ready.Tells, fx.Tells)
	if fx.Call == nil {
		fx.Call = ready.Call
	}
	release := a.shard.handed.claim(a.id, ready)
	defer release()
	err := a.follow(fx, ready.Retries, batch, true)
	if err == nil {
		a.shard.handed.end(a.id, ready)
		a.dropStrays()
	}
	return err
}

// finished is what to do once the effects of the last record are performed.
func (a *actor) finished() func() {
	seq := a.w.Seq
	return func() { a.shard.ledger.finished(seq) }
}

// reply sends verdicts to those who wait. What leaves no trace and came directly is decided in the inbox, where copies of it are known.
func (a *actor) reply(wait []machine.Reply) {
	for _, r := range wait {
		if r.Traceless {
			a.shard.store.RefuseDirect(r.Subject)
		} else {
			a.shard.reply(r.Subject, r.Verdict)
		}
	}
}

// withdrawing has the verdicts that leave no trace wait until the inputs that they are about are let go.
func (a *actor) withdrawing(wait []machine.Reply, all []item) (others []machine.Reply, batch []item) {
	if !slices.ContainsFunc(wait, machine.Reply.Withdraws) {
		return wait, all
	}
	batch = slices.Clone(all)
	for _, r := range wait {
		if !r.Withdraws() {
			others = append(others, r)
			continue
		}
		it := &batch[slices.IndexFunc(batch, func(it item) bool { return it.input.Seq == r.Seq })]
		done := it.done
		it.done = func() { a.shard.withdraw(r, done) }
	}
	return others, batch
}

// toTell tells the verdicts that other workflows must be told from those of which a message is enough.
func toTell(replies []machine.Reply) (tells []machine.Tell, wait []machine.Reply) {
	for _, r := range replies {
		if t, ok := r.Tell(); ok {
			tells = append(tells, t)
		} else {
			wait = append(wait, r)
		}
	}
	return tells, wait
}

// follow is steps 2 to 4.
func (a *actor) follow(fx machine.Effects, retries []machine.Retry, batch []item, fresh bool) error {
	retries, err := a.latest(retries)
	if err != nil {
		return err
	}
	if err := a.shard.dispatch(fx, retries, a.id, fresh); err != nil {
		return err
	}
	if err := a.recall(fx.Recalls); err != nil {
		return err
	}
	a.dismiss(fx)
	a.held = append(a.held, batch...)
	if _, follows := a.w.Successor(); follows {
		// The next run is an effect like any other: the inputs and the wake-up that led here stay until it has begun.
		a.finish(fx.Row, nil)
		return nil
	}
	if err := a.rearm(); err != nil {
		return err
	}
	batch, a.held = a.held, nil
	a.finish(fx.Row, batch)
	return nil
}

// announce tells those who listen right now: nothing of it is stored, and whoever missed it can ask.
func (a *actor) announce(fx machine.Effects) {
	s := a.shard
	if fx.Closed != nil {
		if err := s.store.Closed(*fx.Closed); err != nil {
			s.log.Warn("the end of a run could not be announced", "workflow_id", a.id, "error", err)
		}
	}
	for _, v := range fx.Updated {
		if err := s.store.Updated(v); err != nil {
			s.log.Warn("the end of an update could not be announced", "workflow_id", a.id, "error", err)
		}
	}
	for _, c := range fx.Cancels {
		if err := s.store.CancelActivity(c.Queue, c.CancelActivity); err != nil {
			s.log.Warn("a cancellation could not be announced", "workflow_id", a.id, "error", err)
		}
	}
}

// dispatch starts every durable effect and waits for all of them. One that fails is tried again together with the others:
// each may happen twice. fresh says that they follow from a step that was just recorded.
func (s *shard) dispatch(fx machine.Effects, retries []machine.Retry, workflow string, fresh bool) error {
	if len(fx.Activities) == 0 && len(fx.Tells) == 0 && fx.Call == nil && len(retries) == 0 {
		return nil
	}
	retries = lastOf(retries)
	fx.Activities, fx.Tells = once(fx.Activities, attemptOf), once(fx.Tells, func(t machine.Tell) string { return t.ID })
	first := true
	late := make([]bool, len(retries))
	var taken []protocol.ActivityTask
	err := s.persist("dispatch the effects of a step", func(ctx context.Context) error {
		var acks []Ack
		taken = nil
		again := !first // they may be repetitions of the first time
		first = false
		for i, r := range retries {
			if err := s.keep(ctx, blobsOf(r.Task)); err != nil {
				return err
			}
			acks = append(acks, armed(s.store.ArmRetry(s.id, r.Task, r.At), &late[i]))
		}
		for _, task := range fx.Activities {
			acks = append(acks, s.queue(task, fresh && !again, &taken))
		}
		for _, t := range fx.Tells {
			acks = append(acks, s.tell(t, fresh))
		}
		if fx.Call != nil {
			acks = append(acks, s.store.DispatchWorkflow(fx.Call.Queue, fx.Call.Task))
		}
		return await(ctx, acks)
	})
	if err != nil {
		return err
	}
	if err := s.replace(taken); err != nil {
		return err
	}
	for i, r := range retries {
		if late[i] {
			continue
		}
		key := protocol.TaskID(r.Task.Run, r.Task.ScheduledID, 0)
		s.clock.set(alarm{at: r.At, key: key, workflow: workflow, retry: r.Task})
	}
	return nil
}

// lastOf keeps of the attempts of one activity the last: the timers have one place for them.
func lastOf(retries []machine.Retry) (last []machine.Retry) {
	type place struct {
		run       string
		scheduled int64
	}
	found := make(map[place]int, len(retries))
	for _, r := range retries {
		activity := place{r.Task.Run, r.Task.ScheduledID}
		i, again := found[activity]
		switch {
		case !again:
			found[activity] = len(last)
			last = append(last, r)
		case r.Task.Number() >= last[i].Task.Number():
			last[i] = r
		}
	}
	return last
}

// once leaves out what is there before: a retry may have come from the clock and from the timers stream, and one step may answer the same
// request twice.
func once[T any](all []T, id func(T) string) []T {
	if len(all) < 2 {
		return all
	}
	found := make(map[string]bool, len(all))
	return slices.DeleteFunc(slices.Clone(all), func(x T) bool {
		again := found[id(x)]
		found[id(x)] = true
		return again
	})
}

func attemptOf(t protocol.ActivityTask) string {
	return protocol.TaskID(t.Run, t.ScheduledID, t.Number())
}

// armed notes whether a retry came too late: a later attempt waits.
func armed(ack Ack, late *bool) Ack {
	return func(ctx context.Context) error {
		err := ack(ctx)
		if *late = errors.Is(err, protocol.ErrConflict); *late {
			return nil
		}
		return err
	}
}

func await(ctx context.Context, acks []Ack) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var errs []error
	for _, ack := range acks {
		errs = append(errs, ack(ctx))
	}
	return errors.Join(errs...)
}

// readRow derives the row of a run from history.
func (s *shard) readRow(ctx context.Context, id, run string) (*protocol.Row, error) {
	view, err := readRun(ctx, s.store, s.id, id, run)
	if errors.Is(err, protocol.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row := view.workflow.Run.Row()
	return &row, nil
}

// finish lets the inputs go, after the run's row is stored when the step changed it.
func (a *actor) finish(row *protocol.Row, batch []item) {
	if row == nil {
		let(batch)
		return
	}
	a.shard.rows.put(a.shard.source, *row, a.asOf, func() { let(batch) })
}

// let lets inputs go.
func let(batch []item) {
	for _, it := range batch {
		it.done()
	}
}

// recover finishes what another node may have left unfinished when it died after it wrote the workflow's last record, before any
// other step is taken: the next record must not be written before the effects of this one. The ledger tells which records that can be,
// and has their workflows read. Records before the last need no look: a node performs the effects of a record before it writes the next.
//
// A retry is not in the record: it follows from the failed attempt that comes again.
func (a *actor) recover(again, fresh []item) error {
	unfinished := a.last != nil && a.foreign
	if len(again)+len(a.held) == 0 && !unfinished {
		a.last, a.foreign = nil, false
		return nil
	}
	var replies []machine.Reply
	for _, it := range again {
		if r, ok := a.w.Again(it.input); ok {
			replies = append(replies, r)
		}
	}
	tells, wait := toTell(replies)
	a.reply(wait)
	retries, last := append(a.w.Retries(inputs(again), a.shard.time.now()), a.watchOn(again)...), a.last
	a.last, a.foreign = nil, false
	if !unfinished && len(retries) == 0 && len(tells) == 0 {
		over := again
		if _, follows := a.w.Successor(); !follows { // another node may have begun the run that this one was to begin
			over, a.held = append(a.held, again...), nil
		}
		// What there was to do may have been done just now, for another of them, and its row may still wait.
		a.shard.rows.after(a.id, func() { a.finish(nil, over) })
		return nil
	}
	var fx machine.Effects
	if unfinished {
		again = append(slices.Clip(again), item{done: a.finished()})
		var watched []machine.Retry
		var err error
		if fx, watched, err = a.unfinished(last, fresh); err != nil {
			return err
		}
		retries = append(retries, watched...)
	}
	fx.Tells = append(tells, fx.Tells...)
	return a.follow(fx, retries, again, unfinished && a.doubtful())
}

// doubtful reports whether nobody knows what is left of what followed from the last record.
func (a *actor) doubtful() bool {
	p := a.shard.progress
	return a.w.Seq > p.Since && a.w.Seq <= p.Recheck
}

// unfinished are the effects of the last record that may not have been performed, or may be lost since.
func (a *actor) unfinished(last *protocol.Record, fresh []item) (fx machine.Effects, watched []machine.Retry, err error) {
	doubtful := a.doubtful()
	if !doubtful || a.w.Seq > a.shard.progress.Effects {
		fx = a.w.Effects(last)
		if row := a.w.Run.Row(); fx.Row == nil && !a.w.Run.Copying() {
			fx.Row = &row // that of an earlier record may not be stored: it waits for others, and the next record does not wait for it
		}
		a.announce(fx)
		if err := a.dropRetried(&fx, fresh); err != nil {
			return fx, nil, err
		}
		if watched, err = a.refind(&fx); err != nil {
			return fx, nil, err
		}
	}
	if !doubtful {
		return fx, watched, nil
	}
	made, err := a.remake(&fx, last, watched)
	return fx, append(watched, made...), err
}

// latest drops the retries in whose place a later one waits. The failure that leads to one may be heard once more, by a node that knows
// nothing of the attempts that followed: what it would arm has been done long ago, and what it would replace never would be.
func (a *actor) latest(retries []machine.Retry) (all []machine.Retry, err error) {
	if !a.unsure {
		return retries, nil
	}
	for _, r := range retries {
		var later *protocol.ActivityTask
		var at time.Time
		err := a.shard.persist("look for a later retry", func(ctx context.Context) (err error) {
			later, at, err = a.shard.store.Retry(ctx, a.shard.id, a.id, r.Task.Run, r.Task.ScheduledID)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case later != nil && later.Number() > r.Task.Number():
			a.w.Note(machine.Ready{Retries: []machine.Retry{{Task: *later, At: at}}})
		default:
			all = append(all, r)
		}
	}
	return all, nil
}

// dropRetried takes the activities out of the effects whose first attempt is known to be over, because a later one waits, or comes
// just now: nothing tells of the others, and a task that is sent twice is an attempt too many at worst.
func (a *actor) dropRetried(fx *machine.Effects, fresh []item) error {
	s := a.shard
	var first []protocol.ActivityTask
	for _, task := range fx.Activities {
		comes := slices.ContainsFunc(fresh, func(it item) bool {
			wake, ok := it.input.Body.(protocol.TimerInput)
			return ok && wake.Task != nil && wake.Task.Run == task.Run && wake.Task.ScheduledID == task.ScheduledID
		})
		waits := false
		err := s.persist("look for a retry", func(ctx context.Context) error {
			later, _, err := s.store.Retry(ctx, s.id, a.id, task.Run, task.ScheduledID)
			waits = later != nil
			return err
		})
		if err != nil {
			return err
		}
		if !comes && !waits {
			first = append(first, task)
		}
	}
	fx.Activities = first
	return nil
}
