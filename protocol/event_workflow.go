package protocol

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

var _ = []struct{}{
	registerEvent[WorkflowExecutionStarted](),
	registerEvent[WorkflowExecutionCompleted](),
	registerEvent[WorkflowExecutionFailed](),
	registerEvent[WorkflowExecutionTimedOut](),
	registerEvent[WorkflowExecutionCanceled](),
	registerEvent[WorkflowExecutionTerminated](),
	registerEvent[WorkflowExecutionCancelRequested](),
	registerEvent[WorkflowExecutionSignaled](),
}
