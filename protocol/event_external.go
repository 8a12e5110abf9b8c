package protocol

// SignalExternalWorkflowExecutionInitiated signals another workflow.
type SignalExternalWorkflowExecutionInitiated struct {
	WorkflowID      string            `json:"workflow_id"`
	RunID           string            `json:"run_id,omitempty"`       // only this run
	FirstRunID      string            `json:"first_run_id,omitempty"` // only the chain of runs that began with this one
	SignalName      string            `json:"signal_name"`
	Input           Payload           `json:"input,omitzero"`
	Headers         map[string]string `json:"headers,omitempty"`
	RequestID       string            `json:"request_id"`
	TaskCompletedID int64             `json:"workflow_task_completed_event_id"`
}

// SignalExternalWorkflowExecutionFailed says that the signal was refused.
type SignalExternalWorkflowExecutionFailed struct {
	WorkflowID  string `json:"workflow_id"`
	InitiatedID int64  `json:"initiated_event_id"`
	Cause       *Error `json:"cause"`
}

// ExternalWorkflowExecutionSignaled says that the signal is part of the other run's history.
type ExternalWorkflowExecutionSignaled struct {
	WorkflowID  string `json:"workflow_id"`
	RunID       string `json:"run_id"`
	InitiatedID int64  `json:"initiated_event_id"`
}

// RequestCancelExternalWorkflowExecutionInitiated asks another workflow, or a child, to stop.
type RequestCancelExternalWorkflowExecutionInitiated struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id,omitempty"`       // only this run
	FirstRunID string `json:"first_run_id,omitempty"` // only the chain of runs that began with this one
	// ChildInitiatedID is the event that asked for the child; zero when it is not one.
	ChildInitiatedID int64  `json:"child_initiated_event_id,omitzero"`
	Reason           string `json:"reason,omitempty"`
	RequestID        string `json:"request_id"`
	TaskCompletedID  int64  `json:"workflow_task_completed_event_id"`
}

// RequestCancelExternalWorkflowExecutionFailed says that the request was refused.
type RequestCancelExternalWorkflowExecutionFailed struct {
	WorkflowID  string `json:"workflow_id"`
	InitiatedID int64  `json:"initiated_event_id"`
	Cause       *Error `json:"cause"`
}

// ExternalWorkflowExecutionCancelRequested says that the request is part of the other run's history.
type ExternalWorkflowExecutionCancelRequested struct {
	WorkflowID  string `json:"workflow_id"`
	RunID       string `json:"run_id"`
	InitiatedID int64  `json:"initiated_event_id"`
}

// EventType implements [EventAttributes].
func (SignalExternalWorkflowExecutionInitiated) EventType() EventType {
	return "SignalExternalWorkflowExecutionInitiated"
}

// EventType implements [EventAttributes].
func (SignalExternalWorkflowExecutionFailed) EventType() EventType {
	return "SignalExternalWorkflowExecutionFailed"
}

// EventType implements [EventAttributes].
func (ExternalWorkflowExecutionSignaled) EventType() EventType {
	return "ExternalWorkflowExecutionSignaled"
}

// EventType implements [EventAttributes].
func (RequestCancelExternalWorkflowExecutionInitiated) EventType() EventType {
	return "RequestCancelExternalWorkflowExecutionInitiated"
}

// EventType implements [EventAttributes].
func (RequestCancelExternalWorkflowExecutionFailed) EventType() EventType {
	return "RequestCancelExternalWorkflowExecutionFailed"
}

// EventType implements [EventAttributes].
func (ExternalWorkflowExecutionCancelRequested) EventType() EventType {
	return "ExternalWorkflowExecutionCancelRequested"
}

var externalEvents = []EventAttributes{
	SignalExternalWorkflowExecutionInitiated{},
	SignalExternalWorkflowExecutionFailed{},
	ExternalWorkflowExecutionSignaled{},
	RequestCancelExternalWorkflowExecutionInitiated{},
	RequestCancelExternalWorkflowExecutionFailed{},
	ExternalWorkflowExecutionCancelRequested{},
}
