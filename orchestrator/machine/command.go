package machine

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// command turns a command into its one event, or says why it makes no sense.
func (t *Turn) command(c protocol.Command, task int64) error {
	switch c := c.Attributes.(type) {
	case protocol.ScheduleActivityTask:
		return t.schedule(c, task)
	case protocol.RequestCancelActivityTask:
		event, ok := t.run.activityID.get(c.ActivityID)
		if !ok {
			return fmt.Errorf("there is no activity %q", c.ActivityID)
		}
		t.event(protocol.ActivityTaskCancelRequested{ScheduledID: event, TaskCompletedID: task})
	case protocol.StartTimer:
		return t.startTimer(c, task)
	case protocol.CancelTimer:
		event, ok := t.run.timerID.get(c.TimerID)
		if !ok {
			return fmt.Errorf("there is no timer %q", c.TimerID)
		}
		t.event(protocol.TimerCanceled{TimerID: c.TimerID, StartedID: event, TaskCompletedID: task})
	case protocol.CompleteWorkflowExecution:
		t.event(protocol.WorkflowExecutionCompleted{Result: c.Result, TaskCompletedID: task})
	case protocol.FailWorkflowExecution:
		if c.Failure == nil {
			return fmt.Errorf("the failure is missing")
		}
		t.event(protocol.WorkflowExecutionFailed{Failure: c.Failure, TaskCompletedID: task})
	case protocol.CancelWorkflowExecution:
		t.event(protocol.WorkflowExecutionCanceled{Details: c.Details, TaskCompletedID: task})
	default:
		return fmt.Errorf("this orchestrator does not know it")
	}
	return nil
}

func (t *Turn) startTimer(c protocol.StartTimer, task int64) error {
	switch {
	case c.TimerID == "":
		return fmt.Errorf("the timer ID is empty")
	case t.run.timerID.has(c.TimerID):
		return fmt.Errorf("timer %q is running already", c.TimerID)
	case c.StartToFire < 0:
		return fmt.Errorf("timer %q has a negative duration", c.TimerID)
	}
	at := t.next(nil).Time.Add(time.Duration(c.StartToFire))
	t.event(protocol.TimerStarted{TimerID: c.TimerID, StartToFire: c.StartToFire, FireAt: at, TaskCompletedID: task})
	return nil
}

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
	if err := protocol.ValidateID("queue", c.Queue); err != nil {
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
