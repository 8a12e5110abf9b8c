package protocol

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
	// HistorySize is how many bytes of JSON the history had before the step, and SuggestContinueAsNew says that it has become long: see
	// [SuggestEvents] and [SuggestBytes]. The run's code sees both.
	HistorySize          int64 `json:"history_size,omitzero"`
	SuggestContinueAsNew bool  `json:"suggest_continue_as_new,omitzero"`
}

// A run whose history has more events, or more bytes of JSON, is told to continue as new.
const (
	SuggestEvents = 4096
	SuggestBytes  = 4 << 20
)

// WorkflowTaskCompleted says that the worker answered; the events of its commands follow at once.
type WorkflowTaskCompleted struct {
	ScheduledID int64  `json:"scheduled_event_id"`
	StartedID   int64  `json:"started_event_id"`
	Identity    string `json:"identity,omitempty"`
	SDK         string `json:"sdk,omitempty"`     // name and version, such as "go/0.1.0"
	Version     string `json:"version,omitempty"` // of the worker's code
	Pinned      bool   `json:"pinned,omitzero"`   // the run stays with that version
}

// TaskFailedCause says why a workflow task failed.
type TaskFailedCause string

// Causes of a failed workflow task.
const (
	CauseWorkflowPanic    TaskFailedCause = "WorkflowWorkerUnhandledFailure" // the workflow's code panicked
	CauseNonDeterministic TaskFailedCause = "NonDeterministicError"          // the code no longer fits the history
	CauseUnknownType      TaskFailedCause = "UnknownWorkflowType"            // the worker does not know the workflow
	CauseReset            TaskFailedCause = "ResetWorkflow"                  // the run was reset to this step
	CauseBadCommand       TaskFailedCause = "BadCommandAttributes"           // the orchestrator refused a command
)

// WorkflowTaskFailed says that the step could not be taken. Only the first failure in a row is recorded.
type WorkflowTaskFailed struct {
	ScheduledID int64           `json:"scheduled_event_id"`
	StartedID   int64           `json:"started_event_id"`
	Cause       TaskFailedCause `json:"cause"`
	Failure     *Failure        `json:"failure"`
	NewRunID    string          `json:"new_run_id,omitempty"` // of a reset: the run that goes on from here
	Identity    string          `json:"identity,omitempty"`
}

// WorkflowTaskTimedOut says that a worker took the step and never answered.
type WorkflowTaskTimedOut struct {
	ScheduledID int64       `json:"scheduled_event_id"`
	StartedID   int64       `json:"started_event_id"`
	Type        TimeoutType `json:"timeout_type"`
}

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

var taskEvents = []EventAttributes{
	WorkflowTaskScheduled{},
	WorkflowTaskStarted{},
	WorkflowTaskCompleted{},
	WorkflowTaskFailed{},
	WorkflowTaskTimedOut{},
}
