package protocol

// StartChildWorkflowExecution asks for a child; it becomes StartChildWorkflowExecutionInitiated.
type StartChildWorkflowExecution struct {
	WorkflowID        string             `json:"workflow_id"`
	WorkflowType      string             `json:"workflow_type"`
	Queue             string             `json:"queue,omitempty"` // the workflow's own when empty
	Input             Payload            `json:"input,omitzero"`
	ExecutionTimeout  Duration           `json:"execution_timeout,omitzero"`
	RunTimeout        Duration           `json:"run_timeout,omitzero"`
	TaskTimeout       Duration           `json:"task_timeout,omitzero"`
	RetryPolicy       *RetryPolicy       `json:"retry_policy,omitempty"`
	Reuse             ReusePolicy        `json:"reuse_policy,omitempty"`
	ParentClosePolicy ParentClosePolicy  `json:"parent_close_policy,omitempty"` // Terminate when empty
	Memo              map[string]Payload `json:"memo,omitempty"`
	SearchAttributes  map[string]Payload `json:"search_attributes,omitempty"`
	Headers           map[string]string  `json:"headers,omitempty"`
}

// SignalExternalWorkflowExecution signals another workflow; it becomes SignalExternalWorkflowExecutionInitiated.
type SignalExternalWorkflowExecution struct {
	WorkflowID string            `json:"workflow_id"`
	RunID      string            `json:"run_id,omitempty"`
	FirstRunID string            `json:"first_run_id,omitempty"`
	SignalName string            `json:"signal_name"`
	Input      Payload           `json:"input,omitzero"`
	Headers    map[string]string `json:"headers,omitempty"`
}

// RequestCancelExternalWorkflowExecution asks another workflow to stop; it becomes RequestCancelExternalWorkflowExecutionInitiated.
// With ChildInitiatedID it speaks to the child that this event asked for, and needs no other name.
type RequestCancelExternalWorkflowExecution struct {
	WorkflowID       string `json:"workflow_id,omitempty"`
	RunID            string `json:"run_id,omitempty"`
	FirstRunID       string `json:"first_run_id,omitempty"`
	ChildInitiatedID int64  `json:"child_initiated_event_id,omitzero"`
	Reason           string `json:"reason,omitempty"`
}

// CommandType implements [CommandAttributes].
func (StartChildWorkflowExecution) CommandType() CommandType { return "StartChildWorkflowExecution" }

// CommandType implements [CommandAttributes].
func (SignalExternalWorkflowExecution) CommandType() CommandType {
	return "SignalExternalWorkflowExecution"
}

// CommandType implements [CommandAttributes].
func (RequestCancelExternalWorkflowExecution) CommandType() CommandType {
	return "RequestCancelExternalWorkflowExecution"
}

var childCommands = []CommandAttributes{
	StartChildWorkflowExecution{},
	SignalExternalWorkflowExecution{},
	RequestCancelExternalWorkflowExecution{},
}
