package machine

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

func (t *Turn) schedule(c protocol.ScheduleActivityTask, task int64) error {
	if c.Queue == "" {
		c.Queue = t.run.Start.Queue
	}
	switch {
	case c.ActivityID == "":
		return fmt.Errorf("the activity ID is empty")
	case c.ActivityType == "":
		return fmt.Errorf("the activity type is empty")
	case t.run.activityID.has(c.ActivityID):
		return fmt.Errorf("activity %q is running already", c.ActivityID)
	case c.ScheduleToClose < 0 || c.ScheduleToStart < 0 || c.StartToClose < 0 || c.Heartbeat < 0:
		return fmt.Errorf("activity %q has a negative timeout", c.ActivityID)
	}
	if err := protocol.ValidateQueue(c.Queue); err != nil {
		return err
	}
	if err := c.RetryPolicy.Validate(); err != nil {
		return err
	}
	e := protocol.ActivityTaskScheduled{
		ActivityID: c.ActivityID, ActivityType: c.ActivityType, Queue: c.Queue, Input: c.Input, Headers: c.Headers,
		ScheduleToClose: c.ScheduleToClose, ScheduleToStart: c.ScheduleToStart, StartToClose: c.StartToClose, Heartbeat: c.Heartbeat,
		RetryPolicy: c.RetryPolicy.Normalize(), TaskCompletedID: task,
	}
	t.normalize(&e)
	t.event(e)
	return nil
}

// normalize fits an activity's timeouts into each other, as Temporal does: none is longer than the one around it. The run timeout is
// around all of them.
func (t *Turn) normalize(e *protocol.ActivityTaskScheduled) {
	if e.ScheduleToClose > 0 { // an activity without a limit of its own ends with the run
		e.ScheduleToClose = orShorter(e.ScheduleToClose, t.run.Start.RunTimeout)
	}
	e.StartToClose = orShorter(e.StartToClose, e.ScheduleToClose)
	if e.ScheduleToStart > 0 {
		e.ScheduleToStart = orShorter(e.ScheduleToStart, e.ScheduleToClose)
	}
	if e.Heartbeat > 0 {
		e.Heartbeat = orShorter(e.Heartbeat, e.StartToClose)
	}
}

// expire drafts what becomes of an activity at one of its deadlines.
func (t *Turn) expire(a Activity, at time.Time) {
	switch {
	case at.Equal(a.Deadline()):
		f := protocol.TimeoutError(protocol.TimeoutScheduleToClose,
			"the activity did not end within "+a.ScheduleToClose.String(), a.LastFailure)
		t.event(protocol.ActivityTaskTimedOut{ScheduledID: a.Event, Failure: f, RetryState: protocol.RetryTimeout})
	case at.Equal(a.startBy()):
		f := protocol.TimeoutError(protocol.TimeoutScheduleToStart,
			"no worker began the activity within "+a.ScheduleToStart.String(), nil)
		t.event(protocol.ActivityTaskTimedOut{ScheduledID: a.Event, Failure: f, RetryState: protocol.RetryNonRetryableFailure})
	default:
		t.endAttempt(a, protocol.ActivityResult{
			Run: t.run.ID(), ScheduledID: a.Event, Attempt: a.BegunAttempt,
			Failure: protocol.TimeoutError(protocol.TimeoutStartToClose,
				"nobody completed the attempt within "+a.StartToClose.String(), nil),
		})
	}
}

// takeStarted notes an attempt that began and says so. It is nothing to the run's code.
func (t *Turn) takeStarted(b protocol.ActivityStarted) {
	if !t.run.Open() || t.run.ID() != b.Run {
		return
	}
	a, ok := t.run.activities.get(b.ScheduledID)
	if !ok || b.Attempt < a.Attempt || b.Attempt < a.BegunAttempt || b.Attempt == a.BegunAttempt && b.Async == a.Async {
		return
	}
	if b.Attempt > a.Attempt {
		a.Attempt = b.Attempt
		t.run.activities.put(a.Event, a)
	}
	t.event(protocol.ActivityTaskStarted{
		ScheduledID: a.Event, Attempt: b.Attempt, Async: b.Async, Identity: b.Worker, LastFailure: b.LastFailure,
	})
}

// orShorter is how Temporal normalises a timeout: unset means the enclosing one, and longer than that is cut.
func orShorter(d, enclosing protocol.Duration) protocol.Duration {
	if enclosing > 0 && (d == 0 || d > enclosing) {
		return enclosing
	}
	return d
}

func (t *Turn) resume(task protocol.ActivityTask) {
	a, ok := t.run.activities.get(task.ScheduledID)
	switch {
	case !ok || task.Attempt < a.Attempt:
		return
	case a.CancelRequested:
		t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event})
		return
	}
	if t.run.paused != nil {
		t.hold(a, task)
		return
	}
	a.Attempt, a.LastFailure, a.NextAttempt, a.held = task.Attempt, task.LastFailure, time.Time{}, false
	t.run.activities.put(a.Event, a)
	t.resumed = append(t.resumed, task)
}

// takeResult drafts how an attempt of an activity ended: events if that ends the activity, else a retry.
// The first terminal result wins; one for an activity that has ended, or for an attempt that is over, is dropped.
func (t *Turn) takeResult(in protocol.Input, b protocol.ActivityResult) {
	if !t.run.Open() || t.run.ID() != b.Run {
		t.refuse(in, protocol.Errorf(protocol.CodeClosed, "run %s of workflow %q has ended", b.Run, t.w.ID))
		return
	}
	a, ok := t.run.activities.get(b.ScheduledID)
	if !ok || b.Failure != nil && b.Attempt < a.Attempt {
		t.refuse(in, protocol.Errorf(protocol.CodeNotFound, "attempt %d of that activity is over", b.Attempt).
			WithHint("`millrace describe %s` shows what is pending", t.w.ID))
		return
	}
	t.endAttempt(a, b)
	t.accept(in)
}

// endAttempt drafts the end of an attempt of a pending activity.
func (t *Turn) endAttempt(a Activity, b protocol.ActivityResult) {
	if b.Failure == nil {
		id := t.begun(a, b)
		t.event(protocol.ActivityTaskCompleted{ScheduledID: a.Event, StartedID: id, Result: b.Result})
		return
	}
	if b.Failure.Canceled != nil && a.CancelRequested {
		id := t.begun(a, b)
		t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event, StartedID: id, Details: detailsOf(b.Failure)})
		return
	}
	delay, state := a.RetryPolicy.Next(b.Failure, b.Attempt, t.now, a.Deadline())
	if a.CancelRequested {
		state = protocol.RetryCancelRequested
	}
	if state == protocol.RetryInProgress {
		t.retries = append(t.retries, t.run.retry(a, b, t.now.Add(delay)))
		return
	}
	id := t.begun(a, b)
	if b.Failure.Timeout != nil {
		t.event(protocol.ActivityTaskTimedOut{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	} else {
		t.event(protocol.ActivityTaskFailed{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	}
}

// begun is the ActivityTaskStarted of the attempt that ended, which is drafted now unless the attempt said before that it began.
func (t *Turn) begun(a Activity, b protocol.ActivityResult) int64 {
	if a.BegunAttempt == b.Attempt && a.Begun != 0 {
		return a.Begun
	}
	return t.event(protocol.ActivityTaskStarted{
		ScheduledID: a.Event, Attempt: b.Attempt, Identity: b.Worker, LastFailure: b.LastFailure,
	})
}

func detailsOf(f *protocol.Failure) protocol.Payload {
	if d := f.Canceled.Details; d != nil {
		return *d
	}
	return protocol.Payload{}
}

// retry makes the attempt after a failed one wait until at.
func (r *Run) retry(a Activity, b protocol.ActivityResult, at time.Time) Retry {
	a.Attempt, a.LastFailure, a.NextAttempt = b.Attempt+1, b.Failure, at
	r.activities.put(a.Event, a)
	task := r.activityTask(a)
	if a.ScheduleToStart > 0 {
		task.StartBy = at.Add(time.Duration(a.ScheduleToStart))
	}
	return Retry{Task: task, At: at}
}
