package replay

import (
	"cmp"

	"github.com/millrace-dev/millrace/protocol"
)

const completedType = protocol.EventType("WorkflowTaskCompleted")

// compare checks the commands of the step that the code took against those that were recorded for it, which follow the
// WorkflowTaskCompleted at once, and returns the events after them.
func (r *Run) compare(completed protocol.Event, rest []protocol.Event) []protocol.Event {
	if !r.turn.open {
		r.failf("event %d completes a step that this run has not taken", completed.ID)
		return nil
	}
	r.turn.open = false
	n := 0
	for n < len(rest) && isCommandEvent(rest[n]) {
		n++
	}
	for _, e := range rest[:n] {
		if !r.follows(e) {
			return nil
		}
	}
	recorded, commands := r.withoutOldVersions(rest[:n]), r.turn.commands
	if len(commands) != len(recorded) {
		r.mismatch(recorded)
		return nil
	}
	for i, e := range recorded {
		if !r.matches(e, commands[i]) {
			r.mismatch(recorded)
			return nil
		}
		r.bind(e.ID, commands[i])
	}
	r.forgetCommands()
	return rest[n:]
}

// Recorded tells the run that the step which it has taken was recorded as it was answered: its WorkflowTaskCompleted and the events of its
// commands have the IDs from completed to last. It is as good as to step through them. False says that this is not the run's step.
func (r *Run) Recorded(completed, last int64) bool {
	commands := r.turn.commands
	if r.broken != nil || r.over || r.closed || !r.turn.open || len(r.locals) > 0 ||
		r.last+1 != completed || last-completed != int64(len(commands)) {
		return false
	}
	r.turn.open, r.last = false, last
	for i, c := range commands {
		r.bind(completed+1+int64(i), c)
	}
	r.forgetCommands()
	return true
}

// forgetCommands lets the commands of the step go, which are history.
func (r *Run) forgetCommands() {
	commands := r.turn.commands
	clear(commands) // for the collector
	r.turn.commands, r.spare = nil, commands[:0]
}

// bind notes under which event an operation was recorded.
func (r *Run) bind(event int64, c *command) {
	if _, ok := c.attributes.(protocol.ScheduleActivityTask); ok {
		c.op.event = event
		r.activities = with(r.activities, event, c.op)
	}
	if c.recorded != nil {
		c.recorded(event)
	}
	if c.op != nil {
		c.op.command = nil // for the collector: the command is history now
	}
}

// isCommandEvent reports whether the event was made by a command. These types never come from outside.
func isCommandEvent(e protocol.Event) bool {
	switch e.Attributes.(type) {
	case protocol.ActivityTaskScheduled, protocol.ActivityTaskCancelRequested,
		protocol.TimerStarted, protocol.TimerCanceled,
		protocol.StartChildWorkflowExecutionInitiated, protocol.SignalExternalWorkflowExecutionInitiated,
		protocol.RequestCancelExternalWorkflowExecutionInitiated,
		protocol.WorkflowExecutionUpdateAccepted, protocol.WorkflowExecutionUpdateCompleted, protocol.WorkflowExecutionUpdateRejected,
		protocol.WorkflowExecutionCompleted, protocol.WorkflowExecutionFailed, protocol.WorkflowExecutionCanceled,
		protocol.WorkflowExecutionContinuedAsNew,
		protocol.MarkerRecorded, protocol.WorkflowPropertiesModified, protocol.WorkflowSearchAttributesUpserted:
		return true
	}
	return false
}

// matches reports whether the command would have made the event. Timeouts and retry policies of activities are left out:
// changing them is a change that running workflows may see.
func (r *Run) matches(e protocol.Event, c *command) bool {
	switch a := e.Attributes.(type) {
	case protocol.ActivityTaskScheduled:
		b, ok := c.attributes.(protocol.ScheduleActivityTask)
		return ok && a.ActivityID == b.ActivityID && a.ActivityType == b.ActivityType &&
			a.Queue == r.queue(b.Queue) && a.Input.Equal(b.Input)
	case protocol.ActivityTaskCancelRequested:
		_, ok := c.attributes.(protocol.RequestCancelActivityTask)
		// Zero: the activity had ended when the request was recorded.
		return ok && (a.ScheduledID == 0 || a.ScheduledID == c.op.event)
	case protocol.TimerStarted:
		b, ok := c.attributes.(protocol.StartTimer)
		return ok && a.TimerID == b.TimerID && a.StartToFire == b.StartToFire
	case protocol.TimerCanceled:
		b, ok := c.attributes.(protocol.CancelTimer)
		return ok && a.TimerID == b.TimerID
	case protocol.StartChildWorkflowExecutionInitiated:
		b, ok := c.attributes.(protocol.StartChildWorkflowExecution)
		return ok && a.WorkflowID == b.WorkflowID && a.WorkflowType == b.WorkflowType &&
			a.Queue == r.queue(b.Queue) && a.Input.Equal(b.Input)
	case protocol.SignalExternalWorkflowExecutionInitiated:
		b, ok := c.attributes.(protocol.SignalExternalWorkflowExecution)
		return ok && a.WorkflowID == b.WorkflowID && a.RunID == b.RunID && a.FirstRunID == b.FirstRunID &&
			a.SignalName == b.SignalName && a.Input.Equal(b.Input)
	case protocol.RequestCancelExternalWorkflowExecutionInitiated:
		b, ok := c.attributes.(protocol.RequestCancelExternalWorkflowExecution)
		if a.ChildInitiatedID != 0 {
			return ok && a.ChildInitiatedID == b.ChildInitiatedID
		}
		return ok && a.WorkflowID == b.WorkflowID && a.RunID == b.RunID && a.FirstRunID == b.FirstRunID
	case protocol.WorkflowExecutionUpdateAccepted:
		b, ok := c.attributes.(protocol.AcceptUpdate)
		return ok && a.Request.UpdateID == b.UpdateID
	case protocol.WorkflowExecutionUpdateCompleted:
		b, ok := c.attributes.(protocol.CompleteUpdate)
		return ok && a.UpdateID == b.UpdateID && (a.Failure == nil) == (b.Failure == nil) && a.Result.Equal(b.Result)
	case protocol.WorkflowExecutionUpdateRejected:
		b, ok := c.attributes.(protocol.RejectUpdate)
		return ok && a.UpdateID == b.UpdateID
	case protocol.WorkflowExecutionCompleted:
		b, ok := c.attributes.(protocol.CompleteWorkflowExecution)
		return ok && a.Result.Equal(b.Result)
	case protocol.WorkflowExecutionFailed:
		_, ok := c.attributes.(protocol.FailWorkflowExecution) // a failure's text may name addresses and lines
		return ok
	case protocol.WorkflowExecutionCanceled:
		_, ok := c.attributes.(protocol.CancelWorkflowExecution)
		return ok
	case protocol.MarkerRecorded:
		b, ok := c.attributes.(protocol.RecordMarker)
		return ok && a.Name == b.Name && a.ID == b.ID
	case protocol.WorkflowPropertiesModified:
		_, ok := c.attributes.(protocol.ModifyWorkflowProperties)
		return ok
	case protocol.WorkflowSearchAttributesUpserted:
		_, ok := c.attributes.(protocol.UpsertWorkflowSearchAttributes)
		return ok
	case protocol.WorkflowExecutionContinuedAsNew:
		b, ok := c.attributes.(protocol.ContinueAsNewWorkflowExecution)
		return ok && a.WorkflowType == cmp.Or(b.WorkflowType, r.info.Type) && a.Queue == r.queue(b.Queue) && a.Input.Equal(b.Input)
	}
	return false
}

// queue is the task queue that an activity goes to.
func (r *Run) queue(name string) string {
	if name == "" {
		return r.info.Queue
	}
	return name
}
