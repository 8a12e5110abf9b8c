package machine

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// handOver drafts which of the step's activities go to the worker that answered. It has a slot for each and knows their code, so the
// way through the task stream would be a detour. Only the first attempt goes like this, and only one that may begin whenever it likes.
func (t *Turn) handOver(a *protocol.WorkflowTaskAnswer) {
	if len(a.Takes) == 0 || a.Worker == "" || !t.run.Open() {
		return
	}
	var events []int64
	for _, id := range a.Takes {
		event, ok := t.run.activityID.get(id)
		if act, pending := t.run.activities.get(event); ok && pending && event > t.started && t.run.handable(act) &&
			!slices.Contains(events, event) {
			events = append(events, event)
		}
	}
	if len(events) > 0 {
		t.handed = &protocol.Handed{Worker: a.Worker, Events: events}
	}
}

func (r *Run) handable(a Activity) bool {
	return a.Queue == r.Start.Queue && a.ScheduleToStart == 0 && !a.CancelRequested
}

// handedTo is the worker that gets an activity of the record without the queue; empty when none does.
func handedTo(record *protocol.Record, event int64) string {
	if h := record.Handed; h != nil && slices.Contains(h.Events, event) {
		return h.Worker
	}
	return ""
}

// Ends reports whether a step leaves nothing to watch over of an activity's present attempt: it is over, somebody else completes it, or
// its next one waits.
func (r Ready) Ends(run string, event int64) bool {
	if r.Record != nil && (r.Ended || r.Record.Run != run) {
		return true
	}
	if slices.ContainsFunc(r.Retries, func(retry Retry) bool { return retry.Task.ScheduledID == event }) {
		return true
	}
	return r.Record != nil && slices.ContainsFunc(r.Record.Events, func(e protocol.Event) bool {
		switch a := e.Attributes.(type) {
		case protocol.ActivityTaskStarted:
			return a.ScheduledID == event && a.Async
		case protocol.ActivityTaskCompleted:
			return a.ScheduledID == event
		case protocol.ActivityTaskFailed:
			return a.ScheduledID == event
		case protocol.ActivityTaskTimedOut:
			return a.ScheduledID == event
		case protocol.ActivityTaskCanceled:
			return a.ScheduledID == event
		}
		return false
	})
}

// Awaits reports whether the run waits for the end of an attempt that was handed over: it is neither over, nor has somebody else to
// complete it, nor a later one to follow it.
func (w *Workflow) Awaits(task protocol.ActivityTask) bool {
	return w.Pending(task.Run, task.ScheduledID) && w.Run.awaits(task)
}

// Pending reports whether an activity of a run is not over.
func (w *Workflow) Pending(run string, event int64) bool {
	if w.Run == nil || !w.Run.Open() || w.Run.ID() != run {
		return false
	}
	_, ok := w.Run.activities.get(event)
	return ok
}

func (r *Run) awaits(task protocol.ActivityTask) bool {
	a, ok := r.activities.get(task.ScheduledID)
	return ok && a.number() == task.Number() && (!a.Async || a.begun != task.Number())
}

// Stops are the words to those of the attempts that were asked to stop.
func (w *Workflow) Stops(tasks []protocol.ActivityTask) []Cancel {
	var fx Effects
	for _, task := range tasks {
		if a, ok := w.Run.activities.get(task.ScheduledID); ok && a.CancelRequested {
			w.Run.interrupt(&fx, a, protocol.CancelActivity{})
		}
	}
	return fx.Cancels
}

// lose drafts what follows when a worker that was handed an attempt does not have it any more and never said how it ended. That counts
// as an attempt, as it does when the broker misses a worker: perhaps it is what kills them.
func (t *Turn) lose(task protocol.ActivityTask) (protocol.ActivityTask, bool) {
	if !t.run.awaits(task) {
		return task, false
	}
	task.HandedTo = ""
	task.LastFailure = protocol.Silent(task.Attempt)
	task.Attempt++
	return task, true
}

// Watched is when somebody looks whether a worker still has the attempt that was handed to it.
func Watched(now time.Time) time.Time { return now.Add(watchEvery) }

// watchEvery is as long as the broker waits for a sign of life of whoever has a task of the queue.
const watchEvery = 5 * time.Second
