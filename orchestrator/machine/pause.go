package machine

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// holdFor is how long the next attempt of an activity is put off when its time comes while the run is paused. It is put off again and
// again: a waiting attempt must always be in the timers stream, or the death of the node would lose it.
const holdFor = 30 * time.Second

// takePause drafts the pause of a run, or its end. A paused run takes no step and no attempt of its activities begins; what runs
// already goes on, and what happens meanwhile waits in history.
func (t *Turn) takePause(in protocol.Input, b protocol.PauseInput) {
	if t.repeated(in, b.RequestID) || !t.target(in, b.Run, "") {
		return
	}
	if !t.hasCode(in, "takes no steps to pause", "pause the activity: `millrace activity pause ID 1`") {
		return
	}
	switch paused := t.run.paused != nil; {
	case !b.Resume && !paused:
		t.event(protocol.WorkflowExecutionPaused{Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity})
	case b.Resume && paused:
		t.event(protocol.WorkflowExecutionUnpaused{Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity})
		t.wanted = true
		t.release()
	}
	t.accept(in)
}

// hold puts off an attempt that is due while the run, or its activity, is paused. It gets another number: the broker remembers the
// number of an attempt that was taken off its queue, and would take the same one for a repetition.
func (t *Turn) hold(a Activity) {
	a.Forgiven++
	a.NextAttempt, a.held = t.now.Add(holdFor), true
	t.run.activities.put(a.Event, a)
	t.retries = append(t.retries, Retry{Task: t.run.activityTask(a), At: a.NextAttempt})
}

// release lets the attempts go that were held. One that this node does not know of is in the timers stream and comes by itself.
func (t *Turn) release() {
	t.run.activities.each(func(_ int64, a Activity) {
		if a.held && a.Paused == nil {
			t.retries = append(t.retries, Retry{Task: t.run.activityTask(a), At: t.now})
		}
	})
}

func (r *Run) applyPause(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionPaused:
		r.paused = &protocol.Pause{Since: e.Time, Reason: a.Reason, Identity: a.Identity}
		r.remember(a.RequestID)
	case protocol.WorkflowExecutionUnpaused:
		r.paused = nil
		r.remember(a.RequestID)
	}
}
