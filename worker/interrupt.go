package worker

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// recalledFor is how long the worker remembers an attempt that was taken off the queue. It may be on its way here at that moment, but
// not for longer than the broker waits for a sign of life.
const recalledFor = time.Minute

// recalled is an attempt that must not begin here any more, and since when.
type recalled struct {
	execKey

	number int
	at     time.Time
}

// recalls are those of the last while, oldest first.
type recalls []recalled

// add notes an attempt, and forgets those that are old.
func (r *recalls) add(key execKey, number int) {
	now := time.Now()
	for len(*r) > 0 && now.Sub((*r)[0].at) > recalledFor {
		*r = (*r)[1:]
	}
	*r = append(*r, recalled{key, number, now})
}

// has reports whether an attempt must not begin. Whoever recalled it may have died before it took it off the queue: then the attempt comes
// again and again, and must begin in the end.
func (r recalls) has(key execKey, number int) bool {
	since := time.Now().Add(-recalledFor)
	return slices.ContainsFunc(r, func(c recalled) bool { return c.execKey == key && c.number == number && c.at.After(since) })
}

// track notes an attempt that begins. It reports false when the attempt was taken off the queue while it was on its way: the word that
// nobody runs it has been given.
func (w *Worker) track(e *execution) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := e.key()
	if w.recalled.has(key, e.number) {
		return false
	}
	w.executions[key] = append(w.executions[key], e)
	return true
}

// untrack notes that an attempt's code has ended. Its result has yet to be told; see settled.
func (w *Worker) untrack(e *execution) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := e.key()
	if left := slices.DeleteFunc(w.executions[key], func(other *execution) bool { return other == e }); len(left) > 0 {
		w.executions[key] = left
	} else {
		delete(w.executions, key)
	}
	w.reports[key] = e.number
}

// settled notes that nothing is left to be told of an attempt.
func (w *Worker) settled(task *protocol.ActivityTask) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.reports, execKey{task.Run, task.ScheduledID})
}

// cancelActivity asks a running activity to stop, if it runs here, or every one of a run that has ended. Of a recall it returns the
// attempts that run here.
func (w *Worker) cancelActivity(c protocol.CancelActivity) (held []protocol.ActivityAttempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Why == protocol.StopRecall {
		return w.recall(c)
	}
	interrupt(w.executions[execKey{c.Run, c.ScheduledID}], c.Why)
	if c.ScheduledID != 0 {
		return nil
	}
	for key, all := range w.executions {
		if key.run != c.Run {
			continue
		}
		for _, e := range all {
			e.cancel(protocol.CanceledError("the workflow has ended"))
		}
	}
	return nil
}

// recall tells which attempts run here or have ended and are not reported, and remembers the others. The lock is held.
func (w *Worker) recall(c protocol.CancelActivity) (held []protocol.ActivityAttempt) {
	for _, a := range c.Attempts {
		key := execKey{c.Run, a.ScheduledID}
		if all, runs := w.executions[key]; runs {
			held = append(held, a)
			if c.Stop != "" { // it may have begun after it was told to stop
				interrupt(all, c.Stop)
			}
		} else if number, reports := w.reports[key]; reports && number == a.Number {
			held = append(held, a) // to begin it once more would be too much: its result is on the way
		} else {
			w.recalled.add(key, a.Number)
		}
	}
	return held
}

// interrupt cancels the attempts' contexts, with the reason as their cause.
func interrupt(all []*execution, why protocol.StopReason) {
	for _, e := range all {
		switch why {
		case protocol.StopPaused:
			e.cancel(activity.ErrPaused)
		case protocol.StopReset:
			e.cancel(activity.ErrReset)
		default:
			e.cancel(protocol.CanceledError("the workflow canceled the activity"))
		}
	}
}
