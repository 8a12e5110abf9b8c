package machine

import "time"

// An attempt that somebody else than its worker completes has nobody who watches over its heartbeats but the orchestrator. They lie where
// all heartbeats lie, outside of history, which has no room for one per second: the machine says whose time has come, and is told when
// something was last heard.

// silentBy is when an attempt that somebody else completes has been silent for too long, as far as this node knows; or the zero time.
func (a Activity) silentBy() time.Time {
	if !a.Async || a.Heartbeat == 0 || a.number() > a.begun {
		return time.Time{}
	}
	last := a.BegunAt
	if a.heard.After(last) {
		last = a.heard
	}
	return last.Add(time.Duration(a.Heartbeat))
}

// Silent lists the activities, by their events, of which nothing was heard in time. Ask when something was, and tell it with Heard before
// the next turn begins.
func (w *Workflow) Silent(now time.Time) []int64 {
	if !w.Run.Open() || w.Run.copying() {
		return nil
	}
	var events []int64
	for _, d := range w.Run.deadlines.due(now) {
		if a, ok := w.Run.activities.get(d.event); ok && d.at.Equal(a.silentBy()) {
			events = append(events, d.event)
		}
	}
	return events
}

// Heard says when the last heartbeat of an activity came. It is volatile.
func (w *Workflow) Heard(event int64, at time.Time) {
	if a, ok := w.Run.activities.get(event); ok && at.After(a.heard) {
		a.heard = at
		w.Run.activities.put(event, a)
		w.Run.watch(a)
	}
}
