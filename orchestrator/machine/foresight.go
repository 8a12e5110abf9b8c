package machine

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A worker that was handed the only activity of a run knows what the next step will be, should nothing else happen before the activity
// has ended: it holds the run and knows the result. So it takes that step at once and sends it along with the result. The orchestrator
// drafts the step from the result as ever; if the draft is what the worker foresaw, the worker's answer counts, and nobody has to be asked.
// If not, the answer never happened: the worker's cached run was left by a step that no record tells of, and is forgotten.

const (
	// foreseen are the events that an activity's success adds: it began, and it completed.
	foreseen = 2
	// fresh is how old a foreseen step may be. The code took its time for the present: whoever sleeps until eight must not have been told
	// that it is six when it is seven, because the result had to wait for a node.
	fresh = 5 * time.Second
)

// Foresight is what the worker must know that takes the one activity which the run waits for; nil when somebody else may just as well be
// the next to be heard. Timers do not count: most are there for the case that the activity takes too long.
func (w *Workflow) Foresight() *protocol.Foresight {
	r := w.Run
	if !r.Open() || r.alone() || r.paused != nil || r.copying() || r.TaskScheduled != 0 || w.attempt() != 1 || len(r.Tail) == 0 ||
		r.activities.size() != 1 || r.children.size()+r.externals.size()+r.openUpdates.size() > 0 {
		return nil
	}
	if _, ok := r.Tail[0].Attributes.(protocol.WorkflowTaskCompleted); !ok {
		return nil
	}
	scheduled := r.LastEvent + foreseen + 1
	started := r.taskStarted(scheduled, scheduled+1)
	return &protocol.Foresight{
		Base: r.Base, CompletedID: r.Tail[0].ID, LastID: r.LastEvent, Time: r.LastTime,
		HistorySize: started.HistorySize, SuggestContinueAsNew: started.SuggestContinueAsNew,
	}
}

// Foresaw is the step that came with an activity's result and may be the one that follows; nil when it cannot be. The turn that finds
// out is begun with its nonce, at its time.
func (w *Workflow) Foresaw(inputs []protocol.Input, now time.Time) *protocol.ForeseenStep {
	if len(inputs) != 1 || !w.Run.Open() {
		return nil
	}
	result, ok := inputs[0].Body.(protocol.ActivityResult)
	if !ok || result.Next == nil || result.RequestID != "" || result.Run != w.Run.ID() || !w.follows(result.Next) {
		return nil
	}
	s := result.Next
	if s.Time.Before(w.Run.LastTime) || s.Time.After(now) || now.Sub(s.Time) > fresh {
		return nil
	}
	if due := w.Wakeup(); !due.IsZero() && !due.After(now) {
		return nil // whatever has become due meanwhile, a timer or the end of the run's time, the worker did not see it
	}
	return s
}

// follows reports whether a foreseen step is a step of the worker that took the last one, and begins where that ended.
func (w *Workflow) follows(s *protocol.ForeseenStep) bool {
	r, a := w.Run, &s.Answer
	return s.Base == r.Base && s.ScheduledID == r.LastEvent+foreseen+1 && a.Worker == r.Worker &&
		s.Nonce != s.Base && protocol.ValidateID("nonce", s.Nonce) == nil &&
		a.Failure == nil && a.Refusal == "" && a.Query == nil && !a.Progress && len(a.Rejections) == 0
}

// Foresaw reports whether the turn is the step that a worker foresaw: the end of the activity is all that happened, and the worker is one
// that would have been asked.
func (t *Turn) Foresaw(s *protocol.ForeseenStep) bool {
	if !t.Wants() || len(t.events) != foreseen || len(t.fresh) > 0 {
		return false
	}
	_, began := t.events[0].Attributes.(protocol.ActivityTaskStarted)
	_, ended := t.events[1].Attributes.(protocol.ActivityTaskCompleted)
	queue, asked := t.run.Start.Queue, t.taskQueue()
	if !began || !ended || asked != queue && asked != protocol.VersionQueue(queue, s.Answer.Version) {
		return false
	}
	task := t.Task(t.now)
	return task.Attempt == 1 && t.scheduled == s.ScheduledID && len(task.Updates) == 0
}
