package protocol

import "time"

// WorkflowExecutionStarted opens a run.
type WorkflowExecutionStarted struct {
	WorkflowID   string             `json:"workflow_id"`
	WorkflowType string             `json:"workflow_type"`
	Queue        string             `json:"queue"`
	Input        Payload            `json:"input,omitzero"`
	RunID        string             `json:"run_id"`
	RequestID    string             `json:"request_id,omitempty"`
	RunTimeout   Duration           `json:"run_timeout,omitzero"`
	TaskTimeout  Duration           `json:"task_timeout,omitzero"` // how long a worker may think about one step; 10 s when zero
	Memo         map[string]Payload `json:"memo,omitempty"`
	Headers      map[string]string  `json:"headers,omitempty"`
	Identity     string             `json:"identity,omitempty"`
}

// WorkflowExecutionCompleted ends a run with a result.
type WorkflowExecutionCompleted struct {
	Result          Payload `json:"result,omitzero"`
	TaskCompletedID int64   `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionFailed ends a run with the error that the workflow returned.
type WorkflowExecutionFailed struct {
	Failure         *Failure `json:"failure"`
	TaskCompletedID int64    `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionTimedOut ends a run whose run timeout passed.
type WorkflowExecutionTimedOut struct {
	Timeout Duration `json:"timeout"`
}

// WorkflowExecutionCanceled ends a run that accepted its cancellation.
type WorkflowExecutionCanceled struct {
	Details         Payload `json:"details,omitzero"`
	TaskCompletedID int64   `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionTerminated ends a run from outside, without asking its code.
type WorkflowExecutionTerminated struct {
	Reason   string  `json:"reason,omitempty"`
	Details  Payload `json:"details,omitzero"`
	Identity string  `json:"identity,omitempty"`
}

// WorkflowExecutionCancelRequested asks the run's code to stop.
type WorkflowExecutionCancelRequested struct {
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Identity  string `json:"identity,omitempty"`
}

// WorkflowExecutionSignaled hands the run a value.
type WorkflowExecutionSignaled struct {
	Name      string  `json:"signal_name"`
	Input     Payload `json:"input,omitzero"`
	RequestID string  `json:"request_id,omitempty"`
	Identity  string  `json:"identity,omitempty"`
}

// WorkflowTaskScheduled says that a worker is wanted for the next step.
type WorkflowTaskScheduled struct {
	Queue   string   `json:"queue"`
	Timeout Duration `json:"start_to_close_timeout"`
	Attempt int      `json:"attempt"`
}

// WorkflowTaskStarted says that a worker began the step. Its time is what workflow.Now returns during the step.
type WorkflowTaskStarted struct {
	ScheduledID int64  `json:"scheduled_event_id"`
	Identity    string `json:"identity,omitempty"` // the worker; the next step goes to it first
}

// WorkflowTaskCompleted says that the worker answered; the events of its commands follow at once.
type WorkflowTaskCompleted struct {
	ScheduledID int64  `json:"scheduled_event_id"`
	StartedID   int64  `json:"started_event_id"`
	Identity    string `json:"identity,omitempty"`
	SDK         string `json:"sdk,omitempty"` // name and version, such as "go/0.1.0"
}

// TaskFailedCause says why a workflow task failed.
type TaskFailedCause string

// Causes of a failed workflow task.
const (
	CauseWorkflowPanic    TaskFailedCause = "WorkflowWorkerUnhandledFailure" // the workflow's code panicked
	CauseNonDeterministic TaskFailedCause = "NonDeterministicError"          // the code no longer fits the history
	CauseUnknownType      TaskFailedCause = "UnknownWorkflowType"            // the worker does not know the workflow
	CauseBadCommand       TaskFailedCause = "BadCommandAttributes"           // the orchestrator refused a command
)

// WorkflowTaskFailed says that the step could not be taken. Only the first failure in a row is recorded.
type WorkflowTaskFailed struct {
	ScheduledID int64           `json:"scheduled_event_id"`
	StartedID   int64           `json:"started_event_id"`
	Cause       TaskFailedCause `json:"cause"`
	Failure     *Failure        `json:"failure"`
	Identity    string          `json:"identity,omitempty"`
}

// WorkflowTaskTimedOut says that a worker took the step and never answered.
type WorkflowTaskTimedOut struct {
	ScheduledID int64       `json:"scheduled_event_id"`
	StartedID   int64       `json:"started_event_id"`
	Type        TimeoutType `json:"timeout_type"`
}

// TimerStarted arms a timer of the run.
type TimerStarted struct {
	TimerID         string    `json:"timer_id"`
	StartToFire     Duration  `json:"start_to_fire_timeout"`
	FireAt          time.Time `json:"fire_at"`
	TaskCompletedID int64     `json:"workflow_task_completed_event_id"`
}

// TimerFired says that the timer's time came.
type TimerFired struct {
	TimerID   string `json:"timer_id"`
	StartedID int64  `json:"started_event_id"`
}

// TimerCanceled says that the run's code no longer waits for the timer.
type TimerCanceled struct {
	TimerID         string `json:"timer_id"`
	StartedID       int64  `json:"started_event_id"`
	TaskCompletedID int64  `json:"workflow_task_completed_event_id"`
}

// EventType implements [EventAttributes].
func (WorkflowExecutionStarted) EventType() EventType { return "WorkflowExecutionStarted" }

// EventType implements [EventAttributes].
func (WorkflowExecutionCompleted) EventType() EventType { return "WorkflowExecutionCompleted" }

// EventType implements [EventAttributes].
func (WorkflowExecutionFailed) EventType() EventType { return "WorkflowExecutionFailed" }

// EventType implements [EventAttributes].
func (WorkflowExecutionTimedOut) EventType() EventType { return "WorkflowExecutionTimedOut" }

// EventType implements [EventAttributes].
func (WorkflowExecutionCanceled) EventType() EventType { return "WorkflowExecutionCanceled" }

// EventType implements [EventAttributes].
func (WorkflowExecutionTerminated) EventType() EventType { return "WorkflowExecutionTerminated" }

// EventType implements [EventAttributes].
func (WorkflowExecutionCancelRequested) EventType() EventType {
	return "WorkflowExecutionCancelRequested"
}

// EventType implements [EventAttributes].
func (WorkflowExecutionSignaled) EventType() EventType { return "WorkflowExecutionSignaled" }

// EventType implements [EventAttributes].
func (WorkflowTaskScheduled) EventType() EventType { return "WorkflowTaskScheduled" }

// EventType implements [EventAttributes].
func (WorkflowTaskStarted) EventType() EventType { return "WorkflowTaskStarted" }

// EventType implements [EventAttributes].
func (WorkflowTaskCompleted) EventType() EventType { return "WorkflowTaskCompleted" }

// EventType implements [EventAttributes].
func (WorkflowTaskFailed) EventType() EventType { return "WorkflowTaskFailed" }

// EventType implements [EventAttributes].
func (WorkflowTaskTimedOut) EventType() EventType { return "WorkflowTaskTimedOut" }

// EventType implements [EventAttributes].
func (TimerStarted) EventType() EventType { return "TimerStarted" }

// EventType implements [EventAttributes].
func (TimerFired) EventType() EventType { return "TimerFired" }

// EventType implements [EventAttributes].
func (TimerCanceled) EventType() EventType { return "TimerCanceled" }

var _ = []struct{}{
	registerEvent[WorkflowExecutionStarted](),
	registerEvent[WorkflowExecutionCompleted](),
	registerEvent[WorkflowExecutionFailed](),
	registerEvent[WorkflowExecutionTimedOut](),
	registerEvent[WorkflowExecutionCanceled](),
	registerEvent[WorkflowExecutionTerminated](),
	registerEvent[WorkflowExecutionCancelRequested](),
	registerEvent[WorkflowExecutionSignaled](),
	registerEvent[WorkflowTaskScheduled](),
	registerEvent[WorkflowTaskStarted](),
	registerEvent[WorkflowTaskCompleted](),
	registerEvent[WorkflowTaskFailed](),
	registerEvent[WorkflowTaskTimedOut](),
	registerEvent[TimerStarted](),
	registerEvent[TimerFired](),
	registerEvent[TimerCanceled](),
}
