package machine

import (
	"fmt"

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
		if a, ok := t.run.activities.get(event); ok && !a.NextAttempt.IsZero() {
			t.stopped = append(t.stopped, event)
		}
	case protocol.StartTimer:
		return t.startTimer(c, task)
	case protocol.CancelTimer:
		event, ok := t.run.timerID.get(c.TimerID)
		if !ok {
			return fmt.Errorf("there is no timer %q", c.TimerID)
		}
		t.event(protocol.TimerCanceled{TimerID: c.TimerID, StartedID: event, TaskCompletedID: task})
	case protocol.StartChildWorkflowExecution:
		return t.startChild(c, task)
	case protocol.SignalExternalWorkflowExecution:
		return t.signalExternal(c, task)
	case protocol.RequestCancelExternalWorkflowExecution:
		return t.cancelExternal(c, task)
	case protocol.AcceptUpdate:
		return t.acceptUpdate(c, task)
	case protocol.CompleteUpdate:
		return t.completeUpdate(c, task)
	case protocol.RejectUpdate:
		return t.rejectUpdate(c, task)
	case protocol.CompleteWorkflowExecution:
		t.event(protocol.WorkflowExecutionCompleted{Result: c.Result, TaskCompletedID: task})
	case protocol.FailWorkflowExecution:
		if c.Failure == nil {
			return fmt.Errorf("the failure is missing")
		}
		next, state := t.tryAgain(c.Failure)
		t.event(protocol.WorkflowExecutionFailed{Failure: c.Failure, RetryState: state, NewRunID: next, TaskCompletedID: task})
	case protocol.CancelWorkflowExecution:
		t.event(protocol.WorkflowExecutionCanceled{Details: c.Details, TaskCompletedID: task})
	case protocol.RecordMarker:
		return t.marker(c, task)
	case protocol.ModifyWorkflowProperties:
		t.event(protocol.WorkflowPropertiesModified{Memo: c.Memo, TaskCompletedID: task})
	case protocol.UpsertWorkflowSearchAttributes:
		t.event(protocol.WorkflowSearchAttributesUpserted{SearchAttributes: c.SearchAttributes, TaskCompletedID: task})
	case protocol.ContinueAsNewWorkflowExecution:
		return t.continueAsNew(c, task)
	default:
		return fmt.Errorf("this orchestrator does not know it")
	}
	return nil
}
