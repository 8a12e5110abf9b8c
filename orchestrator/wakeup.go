package orchestrator

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A wake-up that has fired comes up to 250 ms late, and nobody remembers the deadlines of runs that sleep. So a wake-up is armed for a
// moment before its time. When it fires, its message is held in memory until it is due, and the message stays in the stream until it has
// been handled: if this node dies meanwhile, the next one reads it, and holds it again.
const (
	// lead is how long before its time a wake-up fires. It covers the delay of the server, and some difference between its clock and ours.
	lead = time.Second
	// near is how far away a deadline may be for the shard's own clock to remember it from the start. Its wake-up is only the backup, and
	// fires when it is due.
	near = 2 * lead
	// rouseFor is how long it may take to have a wake-up fire at once that may be out of date.
	rouseFor = 2 * time.Second
)

// lateFor is when somebody looks, after a run has ended, whether a wake-up of it came late: that long after the time before.
var lateFor = [...]time.Duration{3 * time.Second, 20 * time.Second, 2 * time.Minute}

// rearm brings the workflow's wake-up in line with its next deadline. A wake-up that is armed for an earlier moment
// is left alone: it will find nothing to do and come back here, which costs less than replacing it each time.
func (a *actor) rearm() error {
	s := a.shard
	at := a.w.Wakeup()
	fires := at.Add(-lead)
	own := alarm{key: a.id, workflow: a.id}
	if !at.IsZero() && s.time.until(at) <= near {
		fires, own.at = at, at
	}
	s.clock.set(own)
	switch {
	case at.IsZero() && a.w.Run.Open():
		return nil // what is armed finds nothing to do, unless the run ends before
	case at.IsZero():
		soon := !a.strange && (a.armed.IsZero() || a.armed.Before(s.time.now().Add(lead))) // not armed, or it has fired
		upTo := a.armedSeq
		a.armed, a.armedSeq, a.strange = time.Time{}, 0, false
		if a.late {
			a.late = false
			s.lookForLate(a.id, 0)
		}
		if soon {
			return nil
		}
		return s.persist("disarm a wake-up", func(ctx context.Context) error { return a.disarm(ctx, upTo) })
	case !a.armed.IsZero() && !at.Before(a.armed) && a.armed.After(s.time.now()):
		return nil
	}
	a.strange = false
	return a.arm(fires, at)
}

// arm sets the workflow's wake-up. Should the shard be lost before this node knows that it has it still, the wake-up may have been on its
// way while another node took the run to its end, and found nothing to disarm.
func (a *actor) arm(fires, due time.Time) error {
	s, sent := a.shard, false
	err := s.persist("arm a wake-up", func(ctx context.Context) error {
		sent = true
		seq, waits, err := s.store.ArmWakeup(ctx, s.id, a.id, fires.Add(time.Duration(s.ahead.Load())), due, a.armedSeq)
		if err == nil {
			a.armedSeq, a.armed = seq, waits
		}
		a.late = a.late || err != nil
		return err
	})
	if err == nil {
		err = s.certain()
	}
	if err != nil && sent {
		s.rouse(a.id)
	}
	return err
}

// lookForLate looks a few times for a wake-up of a run that has ended. One that nobody acknowledged may have waited in a server that stood
// still, and been stored when the place was empty again; it would lie there until its time, which may be months away.
func (s *shard) lookForLate(workflow string, looked int) {
	if looked == len(lateFor) {
		return
	}
	s.after(lateFor[looked], func() {
		if seq, err := s.store.Wakeup(s.ctx, s.id, workflow); err != nil || seq != 0 {
			s.rouse(workflow) // if it is that of a run that has begun since, that one arms its own again
		}
		s.lookForLate(workflow, looked+1)
	})
}

// rouse has the wake-up of a workflow fire at once, because it may be out of date. Whoever has the shard finds nothing to do then, and arms
// its own again if this one took its place.
func (s *shard) rouse(workflow string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), rouseFor)
	defer cancel()
	now := s.time.now()
	if _, _, err := s.store.ArmWakeup(ctx, s.id, workflow, now, now, 0); err != nil {
		s.log.Debug("a wake-up that is out of date may stay until its time", "workflow_id", workflow, "error", err)
	}
}

// disarm removes the wake-up of a run that has ended, as far as upTo; zero: which one waits is not known. It may be that of a run that has
// begun since, at a node that has replaced this one: then there are other records.
func (a *actor) disarm(ctx context.Context, upTo uint64) error {
	s := a.shard
	if upTo == 0 {
		waits, err := s.store.Wakeup(ctx, s.id, a.id)
		if err != nil || waits == 0 {
			return err
		}
		last, err := s.store.Last(ctx, s.id, a.id)
		if err != nil || last.Seq != a.w.Seq {
			return err
		}
		upTo = waits
	}
	return s.store.DisarmWakeup(ctx, s.id, a.id, upTo)
}

// notice takes note of a wake-up that fired. If it is not the one that this node has armed, it may have taken that one's place: a node that
// does not know that it was replaced may have armed it. Or it is an earlier one that comes late, and the one that was armed since is there.
func (a *actor) notice(batch []item) {
	for _, it := range batch {
		wake, ok := it.input.Body.(protocol.TimerInput)
		if !ok || wake.Task != nil || it.delivery.Subject == "" {
			continue
		}
		if a.armedSeq = 0; !wake.Due.Equal(a.armed) {
			a.strange = a.strange || !a.armed.IsZero()
			a.armed = time.Time{}
		}
	}
}

// hold passes a wake-up on when it is due. The workflow is read meanwhile, so that nothing is left to do then but the step.
func (s *shard) hold(it item) {
	now := s.time.now()
	s.ahead.Store(int64(ahead(it, now, time.Duration(s.ahead.Load()))))
	due, early := early(it.input, now)
	if !early {
		s.wake(it)
		return
	}
	s.clock.set(alarm{at: due, key: heldKey(it), held: &it})
	s.route(item{input: protocol.Input{Workflow: it.input.Workflow}, soon: true, done: func() {}})
}

// ahead is how much later it is for the server than for this node, as far as that matters: it has fired a wake-up long before its time.
// Then wake-ups are armed for later by its clock, since it would fire them again at once, and again. It was known to be so much before.
func ahead(it item, now time.Time, known time.Duration) time.Duration {
	theirs := it.delivery.Time.Sub(now)
	if wake, ok := it.input.Body.(protocol.TimerInput); theirs <= near || ok && wake.Due.Sub(now) > near {
		return max(theirs, 0)
	}
	return known
}

// early reports whether a wake-up came before its time, and when that is. One that is due much later was fired by a clock that is wrong:
// the workflow arms it again.
func early(in protocol.Input, now time.Time) (due time.Time, early bool) {
	wake, ok := in.Body.(protocol.TimerInput)
	return wake.Due, ok && wake.Due.After(now) && wake.Due.Sub(now) <= near
}

// heldKey tells the wake-ups that are held from each other and from the clock's own.
func heldKey(it item) string {
	return it.input.Workflow + "\x00" + strconv.FormatUint(it.delivery.Seq, 36)
}

// woken reports whether the workflow's own wake-up has fired, as the inputs tell. Then none is armed, or one that will find nothing to do.
func woken(batch []item) bool {
	return slices.ContainsFunc(batch, func(it item) bool {
		wake, ok := it.input.Body.(protocol.TimerInput)
		return it.soon || ok && wake.Task == nil && it.delivery.Subject != ""
	})
}
