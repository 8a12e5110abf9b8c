package protocol

// ParentClosePolicy says what happens to a child when its parent's run ends, in whatever way. The names are Temporal's.
type ParentClosePolicy string

// Parent close policies. The empty one is [ParentCloseTerminate].
const (
	// ParentCloseTerminate ends the child.
	ParentCloseTerminate ParentClosePolicy = "Terminate"
	// ParentCloseAbandon leaves the child alone.
	ParentCloseAbandon ParentClosePolicy = "Abandon"
	// ParentCloseRequestCancel asks the child to stop.
	ParentCloseRequestCancel ParentClosePolicy = "RequestCancel"
)

// Validate reports a policy that there is not.
func (p ParentClosePolicy) Validate() error {
	switch p {
	case "", ParentCloseTerminate, ParentCloseAbandon, ParentCloseRequestCancel:
		return nil
	}
	return Errorf(CodeBadRequest, "there is no parent close policy %q", string(p)).
		WithHint("%s, %s or %s", ParentCloseTerminate, ParentCloseAbandon, ParentCloseRequestCancel)
}

// StartChildWorkflowExecutionInitiated asks for a child.
type StartChildWorkflowExecutionInitiated struct {
	WorkflowID string `json:"workflow_id"`
	// RunID is the child's first run, and the request ID of its start; see [ChildRunID].
	RunID             string             `json:"run_id"`
	WorkflowType      string             `json:"workflow_type"`
	Queue             string             `json:"queue"`
	Input             Payload            `json:"input,omitzero"`
	ExecutionTimeout  Duration           `json:"execution_timeout,omitzero"`
	RunTimeout        Duration           `json:"run_timeout,omitzero"`
	TaskTimeout       Duration           `json:"task_timeout,omitzero"`
	RetryPolicy       *RetryPolicy       `json:"retry_policy,omitempty"` // normalised
	Reuse             ReusePolicy        `json:"reuse_policy,omitempty"`
	ParentClosePolicy ParentClosePolicy  `json:"parent_close_policy"`
	Memo              map[string]Payload `json:"memo,omitempty"`
	SearchAttributes  map[string]Payload `json:"search_attributes,omitempty"`
	Headers           map[string]string  `json:"headers,omitempty"`
	TaskCompletedID   int64              `json:"workflow_task_completed_event_id"`
}

// StartChildWorkflowExecutionFailed says that the child was not started.
type StartChildWorkflowExecutionFailed struct {
	WorkflowID   string `json:"workflow_id"`
	WorkflowType string `json:"workflow_type"`
	InitiatedID  int64  `json:"initiated_event_id"`
	Cause        *Error `json:"cause"`
}

// ChildWorkflowExecutionStarted says that the child has begun.
type ChildWorkflowExecutionStarted struct {
	WorkflowID   string `json:"workflow_id"`
	RunID        string `json:"run_id"`
	WorkflowType string `json:"workflow_type"`
	InitiatedID  int64  `json:"initiated_event_id"`
}

// ChildWorkflowExecutionCompleted ends a child with its result.
type ChildWorkflowExecutionCompleted struct {
	WorkflowID   string  `json:"workflow_id"`
	RunID        string  `json:"run_id"`
	WorkflowType string  `json:"workflow_type"`
	InitiatedID  int64   `json:"initiated_event_id"`
	StartedID    int64   `json:"started_event_id"`
	Result       Payload `json:"result,omitzero"`
}

// ChildWorkflowExecutionFailed ends a child with the error that it returned.
type ChildWorkflowExecutionFailed struct {
	WorkflowID   string   `json:"workflow_id"`
	RunID        string   `json:"run_id"`
	WorkflowType string   `json:"workflow_type"`
	InitiatedID  int64    `json:"initiated_event_id"`
	StartedID    int64    `json:"started_event_id"`
	Failure      *Failure `json:"failure"`
}

// ChildWorkflowExecutionCanceled ends a child that accepted its cancellation.
type ChildWorkflowExecutionCanceled struct {
	WorkflowID   string   `json:"workflow_id"`
	RunID        string   `json:"run_id"`
	WorkflowType string   `json:"workflow_type"`
	InitiatedID  int64    `json:"initiated_event_id"`
	StartedID    int64    `json:"started_event_id"`
	Failure      *Failure `json:"failure"`
}

// ChildWorkflowExecutionTimedOut ends a child that took too long.
type ChildWorkflowExecutionTimedOut struct {
	WorkflowID   string   `json:"workflow_id"`
	RunID        string   `json:"run_id"`
	WorkflowType string   `json:"workflow_type"`
	InitiatedID  int64    `json:"initiated_event_id"`
	StartedID    int64    `json:"started_event_id"`
	Failure      *Failure `json:"failure"`
}

// ChildWorkflowExecutionTerminated ends a child that somebody terminated.
type ChildWorkflowExecutionTerminated struct {
	WorkflowID   string   `json:"workflow_id"`
	RunID        string   `json:"run_id"`
	WorkflowType string   `json:"workflow_type"`
	InitiatedID  int64    `json:"initiated_event_id"`
	StartedID    int64    `json:"started_event_id"`
	Failure      *Failure `json:"failure"`
}

// ChildEnd is what an event says that ends a child.
type ChildEnd struct {
	InitiatedID int64
	// How is Completed, Failed, Canceled, TimedOut or Terminated.
	How Status
	// Run is the run that ended: the last one of the child's chain.
	Run     string
	Result  Payload
	Failure *Failure
}

// ChildEnded reports whether the event ends a child, and what it says.
func ChildEnded(e EventAttributes) (ChildEnd, bool) {
	switch a := e.(type) {
	case ChildWorkflowExecutionCompleted:
		return ChildEnd{InitiatedID: a.InitiatedID, How: StatusCompleted, Run: a.RunID, Result: a.Result}, true
	case ChildWorkflowExecutionFailed:
		return ChildEnd{InitiatedID: a.InitiatedID, How: StatusFailed, Run: a.RunID, Failure: a.Failure}, true
	case ChildWorkflowExecutionCanceled:
		return ChildEnd{InitiatedID: a.InitiatedID, How: StatusCanceled, Run: a.RunID, Failure: a.Failure}, true
	case ChildWorkflowExecutionTimedOut:
		return ChildEnd{InitiatedID: a.InitiatedID, How: StatusTimedOut, Run: a.RunID, Failure: a.Failure}, true
	case ChildWorkflowExecutionTerminated:
		return ChildEnd{InitiatedID: a.InitiatedID, How: StatusTerminated, Run: a.RunID, Failure: a.Failure}, true
	}
	return ChildEnd{}, false
}

// EventType implements [EventAttributes].
func (StartChildWorkflowExecutionInitiated) EventType() EventType {
	return "StartChildWorkflowExecutionInitiated"
}

// EventType implements [EventAttributes].
func (StartChildWorkflowExecutionFailed) EventType() EventType {
	return "StartChildWorkflowExecutionFailed"
}

// EventType implements [EventAttributes].
func (ChildWorkflowExecutionStarted) EventType() EventType { return "ChildWorkflowExecutionStarted" }

// EventType implements [EventAttributes].
func (ChildWorkflowExecutionCompleted) EventType() EventType {
	return "ChildWorkflowExecutionCompleted"
}

// EventType implements [EventAttributes].
func (ChildWorkflowExecutionFailed) EventType() EventType { return "ChildWorkflowExecutionFailed" }

// EventType implements [EventAttributes].
func (ChildWorkflowExecutionCanceled) EventType() EventType { return "ChildWorkflowExecutionCanceled" }

// EventType implements [EventAttributes].
func (ChildWorkflowExecutionTimedOut) EventType() EventType { return "ChildWorkflowExecutionTimedOut" }

// EventType implements [EventAttributes].
func (ChildWorkflowExecutionTerminated) EventType() EventType {
	return "ChildWorkflowExecutionTerminated"
}

var childEvents = []EventAttributes{
	StartChildWorkflowExecutionInitiated{},
	StartChildWorkflowExecutionFailed{},
	ChildWorkflowExecutionStarted{},
	ChildWorkflowExecutionCompleted{},
	ChildWorkflowExecutionFailed{},
	ChildWorkflowExecutionCanceled{},
	ChildWorkflowExecutionTimedOut{},
	ChildWorkflowExecutionTerminated{},
}
