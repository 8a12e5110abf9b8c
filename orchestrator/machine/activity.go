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
	case c.ScheduleToClose < 0 || c.StartToClose < 0 || c.Heartbeat < 0:
		return fmt.Errorf("activity %q has a negative timeout", c.ActivityID)
	}
	if err := protocol.ValidateQueue(c.Queue); err != nil {
		return err
	}
	if err := c.RetryPolicy.Validate(); err != nil {
		return err
	}
	t.event(protocol.ActivityTaskScheduled{
		ActivityID: c.ActivityID, ActivityType: c.ActivityType, Queue: c.Queue, Input: c.Input, Headers: c.Headers,
		ScheduleToClose: c.ScheduleToClose, StartToClose: orShorter(c.StartToClose, c.ScheduleToClose),
		Heartbeat: c.Heartbeat, RetryPolicy: c.RetryPolicy.Normalize(), TaskCompletedID: task,
	})
	return nil
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
func (t *Turn) takeResult(b protocol.ActivityResult) {
	if !t.run.Open() || t.run.ID() != b.Run {
		return
	}
	a, ok := t.run.activities.get(b.ScheduledID)
	if !ok || b.Failure != nil && b.Attempt < a.Attempt {
		return
	}
	started := protocol.ActivityTaskStarted{
		ScheduledID: a.Event, Attempt: b.Attempt, Identity: b.Worker, LastFailure: b.LastFailure,
	}
	if b.Failure == nil {
		id := t.event(started)
		t.event(protocol.ActivityTaskCompleted{ScheduledID: a.Event, StartedID: id, Result: b.Result})
		return
	}
	if b.Failure.Canceled != nil && a.CancelRequested {
		id := t.event(started)
		var details protocol.Payload
		if d := b.Failure.Canceled.Details; d != nil {
			details = *d
		}
		t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event, StartedID: id, Details: details})
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
	id := t.event(started)
	if b.Failure.Timeout != nil {
		t.event(protocol.ActivityTaskTimedOut{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	} else {
		t.event(protocol.ActivityTaskFailed{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	}
}

// retry makes the attempt after a failed one wait until at.
func (r *Run) retry(a Activity, b protocol.ActivityResult, at time.Time) Retry {
	a.Attempt, a.LastFailure, a.NextAttempt = b.Attempt+1, b.Failure, at
	r.activities.put(a.Event, a)
	return Retry{Task: r.activityTask(a), At: at}
}
