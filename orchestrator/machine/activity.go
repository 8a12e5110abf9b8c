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
	}
	o := protocol.ActivityOptions{
		Queue: c.Queue, ScheduleToClose: c.ScheduleToClose, ScheduleToStart: c.ScheduleToStart, StartToClose: c.StartToClose,
		Heartbeat: c.Heartbeat, RetryPolicy: c.RetryPolicy,
	}
	if err := validOptions(c.ActivityID, o); err != nil {
		return err
	}
	e := protocol.ActivityTaskScheduled{
		ActivityID: c.ActivityID, ActivityType: c.ActivityType, Input: c.Input, Headers: c.Headers, TaskCompletedID: task,
	}
	t.event(e.WithOptions(t.normalize(o)))
	return nil
}

func validOptions(id string, o protocol.ActivityOptions) error {
	if o.ScheduleToClose < 0 || o.ScheduleToStart < 0 || o.StartToClose < 0 || o.Heartbeat < 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "activity %q has a negative timeout", id)
	}
	if err := protocol.ValidateQueue(o.Queue); err != nil {
		return err
	}
	return o.RetryPolicy.Validate()
}

// normalize fills in the retry policy's defaults and fits the timeouts into each other, as Temporal does: none is longer than the one
// around it. The run timeout is around all of them; an activity without a limit of its own just ends with the run.
func (t *Turn) normalize(o protocol.ActivityOptions) protocol.ActivityOptions {
	o.RetryPolicy = o.RetryPolicy.Normalize()
	o.StartToClose = orShorter(o.StartToClose, o.ScheduleToClose)
	for _, d := range []*protocol.Duration{&o.ScheduleToClose, &o.ScheduleToStart, &o.StartToClose, &o.Heartbeat} {
		if *d > 0 {
			*d = orShorter(orShorter(*d, o.ScheduleToClose), t.run.Start.RunTimeout)
		}
	}
	if o.Heartbeat > 0 {
		o.Heartbeat = orShorter(o.Heartbeat, o.StartToClose)
	}
	return o
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
	case at.Equal(a.asyncBy()):
		t.giveUp(a, protocol.TimeoutError(protocol.TimeoutStartToClose,
			"nobody completed the attempt within "+a.StartToClose.String(), nil))
	default:
		t.giveUp(a, protocol.TimeoutError(protocol.TimeoutHeartbeat, "no heartbeat came within "+a.Heartbeat.String(), nil))
	}
}

// giveUp drafts the end of an attempt that somebody else was to complete.
func (t *Turn) giveUp(a Activity, f *protocol.Failure) {
	t.endAttempt(a, protocol.ActivityResult{
		Run: t.run.ID(), ScheduledID: a.Event, Attempt: a.Attempt, Forgiven: a.Forgiven, Reset: a.Reset, Failure: f,
	})
}

// takeStarted notes an attempt that began and says so. It is nothing to the run's code.
func (t *Turn) takeStarted(b protocol.ActivityStarted) {
	if !t.run.Open() || t.run.ID() != b.Run {
		return
	}
	a, ok := t.run.activities.get(b.ScheduledID)
	n := b.Number()
	if !ok || n < a.number() || n < a.begun || n == a.begun && b.Async == a.Async {
		return
	}
	t.event(protocol.ActivityTaskStarted{
		ScheduledID: a.Event, Attempt: b.Attempt, Forgiven: b.Forgiven, Async: b.Async, Identity: b.Worker, LastFailure: b.LastFailure,
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
	if a, ok := t.run.activities.get(task.ScheduledID); ok && task.Number() < a.number() {
		t.waitAgain(a)
		return
	}
	if task.HandedTo != "" {
		var lost bool
		if task, lost = t.lose(task); !lost {
			return
		}
	}
	a, ok := t.run.activities.get(task.ScheduledID)
	switch {
	case !ok:
		return
	case a.CancelRequested:
		t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event})
		return
	}
	a.Attempt, a.Forgiven, a.LastFailure, a.NextAttempt, a.held = task.Attempt, task.Forgiven, task.LastFailure, time.Time{}, false
	if task.Reset != a.Reset {
		a.Attempt, a.Forgiven = 1, task.Number()-1 // it was reset while it waited
	}
	if t.run.paused != nil || a.Paused != nil {
		t.hold(a)
		return
	}
	t.run.activities.put(a.Event, a)
	next := t.run.activityTask(a) // what it is asked for may have changed since the wait began
	if a.ScheduleToStart > 0 && a.number() > 1 {
		next.StartBy = t.now.Add(time.Duration(a.ScheduleToStart))
	}
	t.resumed = append(t.resumed, next)
}

// waitAgain arms the wake-up of an attempt that waits once more, because that of an earlier one has fired. The server decides to fire a
// wake-up, stores that, and then removes whatever lies in its place: the one of the attempt that waits, if it was armed in between.
func (t *Turn) waitAgain(a Activity) {
	if !a.NextAttempt.IsZero() {
		t.retries = append(t.retries, Retry{Task: t.run.activityTask(a), At: a.NextAttempt})
	}
}

// takeResult drafts how an attempt of an activity ended: events if that ends the activity, else a retry.
// The first terminal result wins; one for an activity that has ended, or for an attempt that is over, is dropped.
func (t *Turn) takeResult(in protocol.Input, b protocol.ActivityResult) {
	if t.repeated(in, b.RequestID) {
		return
	}
	if !t.run.Open() || t.run.ID() != b.Run {
		t.refuse(in, protocol.Errorf(protocol.CodeClosed, "run %s of workflow %q has ended", b.Run, t.w.ID))
		return
	}
	a, ok := t.run.activities.get(b.ScheduledID)
	if b.Latest && b.Number() < a.number() {
		b.Attempt, b.Forgiven, b.Reset = a.Attempt, a.Forgiven, a.Reset
	}
	if b = a.own(b); !ok || b.Failure != nil && b.Number() < a.number() {
		t.refuse(in, protocol.Errorf(protocol.CodeNotFound, "attempt %d of that activity is over", b.Attempt).
			WithHint("`millrace describe %s` shows what is pending", t.w.ID))
		return
	}
	t.endAttempt(a, b)
	t.accept(in)
}

// own is what a result means to the activity. History may have lost its end, with an activity that the same event scheduled: what became of
// that one says nothing of this. But its task may have kept this one's off the queue. So it counts as an attempt that was interrupted, and
// the next one has another number.
func (a Activity) own(b protocol.ActivityResult) protocol.ActivityResult {
	if b.Scheduled.IsZero() || b.Scheduled.Equal(a.Scheduled) {
		return b
	}
	return protocol.ActivityResult{
		Run: b.Run, ScheduledID: b.ScheduledID, Attempt: a.Attempt, Forgiven: b.Number() - a.Attempt, Reset: a.Reset, Worker: b.Worker,
		Started: b.Started, Failure: ofAnother, Interrupted: true,
	}
}

var ofAnother = &protocol.Failure{Message: "the attempt was of an activity that history has lost", Source: "server"}

// endAttempt drafts the end of an attempt of a pending activity.
func (t *Turn) endAttempt(a Activity, b protocol.ActivityResult) {
	if b.Failure == nil {
		id := t.begun(a, b)
		t.event(protocol.ActivityTaskCompleted{ScheduledID: a.Event, StartedID: id, Result: b.Result, RequestID: b.RequestID})
		return
	}
	if b.Failure.Canceled != nil && a.CancelRequested {
		id := t.begun(a, b)
		t.event(protocol.ActivityTaskCanceled{
			ScheduledID: a.Event, StartedID: id, Details: detailsOf(b.Failure), RequestID: b.RequestID,
		})
		return
	}
	delay, state := a.next(b, t.now)
	if state == protocol.RetryInProgress {
		t.retries = append(t.retries, t.run.retry(a, b, t.now.Add(delay)))
		return
	}
	id := t.begun(a, b)
	if b.Failure.Timeout != nil {
		t.event(protocol.ActivityTaskTimedOut{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	} else {
		t.event(protocol.ActivityTaskFailed{
			ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state, RequestID: b.RequestID,
		})
	}
}

// begun is the ActivityTaskStarted of the attempt that ended, which is drafted now unless the attempt said before that it began.
func (t *Turn) begun(a Activity, b protocol.ActivityResult) int64 {
	if a.begun == b.Number() && a.Begun != 0 {
		return a.Begun
	}
	return t.event(protocol.ActivityTaskStarted{
		ScheduledID: a.Event, Attempt: b.Attempt, Forgiven: b.Forgiven, Identity: b.Worker, LastFailure: b.LastFailure,
	})
}

func detailsOf(f *protocol.Failure) protocol.Payload {
	if d := f.Canceled.Details; d != nil {
		return *d
	}
	return protocol.Payload{}
}

// next decides what follows a failed attempt. One that began before the activity was reset, or that was asked to make way, does not
// count: the next one comes at once.
func (a Activity) next(b protocol.ActivityResult, now time.Time) (time.Duration, protocol.RetryState) {
	if a.CancelRequested {
		return 0, protocol.RetryCancelRequested
	}
	if !b.Interrupted && b.Reset == a.Reset {
		return a.RetryPolicy.Next(b.Failure, b.Attempt, now, a.Deadline())
	}
	if d := a.Deadline(); !d.IsZero() && now.After(d) {
		return 0, protocol.RetryTimeout
	}
	return 0, protocol.RetryInProgress
}

// retry makes the attempt after a failed one wait until at.
func (r *Run) retry(a Activity, b protocol.ActivityResult, at time.Time) Retry {
	switch {
	case b.Reset != a.Reset:
		a.Attempt, a.Forgiven = 1, b.Number()
	case b.Interrupted:
		a.Attempt, a.Forgiven = b.Attempt, b.Forgiven+1
	default:
		a.Attempt, a.Forgiven = b.Attempt+1, b.Forgiven
	}
	a.LastFailure, a.NextAttempt = b.Failure, at
	r.activities.put(a.Event, a)
	task := r.activityTask(a)
	if a.ScheduleToStart > 0 {
		task.StartBy = at.Add(time.Duration(a.ScheduleToStart))
	}
	return Retry{Task: task, At: at}
}
