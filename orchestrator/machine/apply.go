package machine

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// apply folds one event into the run. It is total: an event of a kind that does not concern the state changes nothing, and
// an event that refers to something unknown is ignored, because history is right by definition.
func (r *Run) apply(e protocol.Event) {
	r.LastEvent, r.LastTime = e.ID, e.Time
	if s := protocol.StatusAfter(e.Attributes); s != "" {
		r.Status = s
	}
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionStarted:
		r.Start, r.Started, r.dirty, r.pinned = &a, e.Time, true, a.PinnedVersion
		r.Memo, r.SearchAttributes = a.Memo, a.SearchAttributes
		r.remember(a.RequestID)
		if a.FirstTaskDelay > 0 {
			r.notBefore = e.Time.Add(time.Duration(a.FirstTaskDelay))
		}
	case protocol.WorkflowExecutionSignaled:
		r.see(a.RequestID)
	case protocol.WorkflowExecutionCancelRequested:
		r.CancelRequested = true
		r.see(a.RequestID)
	default:
		r.applyProperties(e)
		r.applyPause(e)
		r.applyTask(e)
		r.applyTimer(e)
		r.applyActivity(e)
		r.applyActivityControl(e)
		r.applyChild(e)
		r.applyExternal(e)
		r.applyUpdate(e)
	}
	if r.Status.Closed() && r.Outcome == nil {
		r.close(e)
	}
}

// unseen are the events that no completed workflow task has shown to the run's code, once more have followed: see [Run.Tail].
func unseen(tail, more []protocol.Event) []protocol.Event {
	for i, e := range slices.Backward(more) {
		if _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); ok {
			return slices.Clone(more[i:])
		}
	}
	return append(tail, more...)
}

func (r *Run) see(requestID string) {
	r.dirty = true
	r.remember(requestID)
}

func (r *Run) applyTask(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.WorkflowTaskScheduled:
		r.TaskScheduled, r.notBefore = e.ID, time.Time{}
	case protocol.WorkflowTaskStarted:
		r.TaskScheduled = 0
	case protocol.WorkflowTaskCompleted:
		r.Worker, r.TaskFailure, r.dirty = a.Identity, nil, false
		r.taskFailed = time.Time{}
		r.applyVersion(e.ID, a)
	case protocol.WorkflowTaskFailed:
		r.Worker = ""
		if a.Cause == protocol.CauseReset {
			r.copied, r.dirty, r.TaskFailure, r.taskFailed = true, true, nil, time.Time{}
			r.activities.each(func(event int64, _ Activity) { // whose attempts begin anew
				r.changeActivity(event, func(act *Activity) { act.Paused = nil })
			})
			return
		}
		r.taskFailed = e.Time
		r.TaskFailure = &protocol.PendingTask{Attempt: 2, Cause: a.Cause, Failure: a.Failure}
	case protocol.WorkflowTaskTimedOut:
		r.Worker, r.taskFailed = "", e.Time
		r.TaskFailure = &protocol.PendingTask{
			Attempt: 2, Failure: protocol.TimeoutError(a.Type, "the worker took the workflow task and did not answer", nil),
		}
	}
}

func (r *Run) applyTimer(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.TimerStarted:
		r.timers.put(e.ID, Timer{Event: e.ID, TimerStarted: a})
		r.timerID.put(a.TimerID, e.ID)
		r.deadlines.add(a.FireAt, e.ID)
	case protocol.TimerFired:
		r.dirty = true
		r.endTimer(a.StartedID, a.TimerID)
	case protocol.TimerCanceled:
		r.endTimer(a.StartedID, a.TimerID)
	}
}

func (r *Run) endTimer(event int64, id string) {
	r.timers.del(event)
	r.timerID.del(id)
}

func (r *Run) applyActivity(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.ActivityTaskScheduled:
		if r.alone() {
			r.notBefore = time.Time{}
		}
		act := Activity{Event: e.ID, Scheduled: e.Time, ActivityTaskScheduled: a, Attempt: 1}
		r.activities.put(e.ID, act)
		r.activityID.put(a.ActivityID, e.ID)
		r.watch(act)
	case protocol.ActivityTaskStarted:
		if act, ok := r.activities.get(a.ScheduledID); ok {
			act.Begun, act.BegunAt, act.begun, act.Async = e.ID, e.Time, a.Attempt+a.Forgiven, a.Async
			if act.begun >= act.number() {
				act.Attempt, act.Forgiven, act.LastFailure = a.Attempt, a.Forgiven, a.LastFailure
			}
			r.activities.put(a.ScheduledID, act)
			if act.Async {
				r.watch(act)
			}
		}
	case protocol.ActivityTaskCancelRequested:
		if act, ok := r.activities.get(a.ScheduledID); ok {
			act.CancelRequested = true
			r.activities.put(a.ScheduledID, act)
		}
	case protocol.ActivityTaskCompleted:
		r.remember(a.RequestID)
		r.endActivity(a.ScheduledID)
	case protocol.ActivityTaskFailed:
		r.remember(a.RequestID)
		r.endActivity(a.ScheduledID)
	case protocol.ActivityTaskTimedOut:
		r.endActivity(a.ScheduledID)
	case protocol.ActivityTaskCanceled:
		r.remember(a.RequestID)
		r.endActivity(a.ScheduledID)
	}
}

func (r *Run) endActivity(event int64) {
	act, ok := r.activities.get(event)
	if !ok {
		return
	}
	r.dirty = true
	r.activities.del(event)
	r.activityID.del(act.ActivityID)
}

// close notes how the run ended. Nothing that was pending matters any more.
func (r *Run) close(e protocol.Event) {
	r.Closed, r.dirty, r.TaskScheduled, r.TaskFailure, r.notBefore = e.Time, false, 0, nil, time.Time{}
	o := protocol.Outcome{ID: r.Start.WorkflowID, Run: r.ID(), Status: r.Status}
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionCompleted:
		o.Result = a.Result
	case protocol.WorkflowExecutionFailed:
		o.Failure = a.Failure
	case protocol.WorkflowExecutionCanceled:
		o.Failure = protocol.CanceledError("the workflow was canceled")
		o.Failure.Canceled.Details = payloadOrNil(a.Details)
	case protocol.WorkflowExecutionTerminated:
		o.Failure = &protocol.Failure{
			Message: "the workflow was terminated", Source: "server",
			Terminated: &protocol.TerminatedFailure{Identity: a.Identity},
		}
		if a.Reason != "" {
			o.Failure.Message += ": " + a.Reason
		}
	case protocol.WorkflowExecutionTimedOut:
		if o.Failure = a.Failure; o.Failure == nil {
			o.Failure = timedOut(a.Timeout)
		}
	}
	r.Outcome = &o
	r.follow(e)
	r.orphans = r.queues()
	r.activities, r.timers = table[int64, Activity]{}, table[int64, Timer]{}
	r.activityID, r.timerID = table[string, int64]{}, table[string, int64]{}
	r.externals = table[int64, External]{} // the children stay: what becomes of them is an effect of this event
	r.deadlines, r.Tail = nil, nil
}

// queues are those of the pending activities, in order.
func (r *Run) queues() []string {
	var queues []string
	r.activities.each(func(_ int64, a Activity) { queues = append(queues, a.queues()...) })
	slices.Sort(queues)
	return slices.Compact(queues)
}

func payloadOrNil(p protocol.Payload) *protocol.Payload {
	if p.IsZero() {
		return nil
	}
	return &p
}
