package protocol

import (
	"github.com/go-json-experiment/json/jsontext"
)

// Command is something that workflow code asks for. One command becomes exactly one event.
type Command struct {
	Attributes CommandAttributes
}

// CommandType names a kind of command. The names are Temporal's.
type CommandType string

// CommandAttributes is one of the attribute structs of this package, such as [ScheduleActivityTask].
type CommandAttributes interface {
	// CommandType names the kind of command that the attributes belong to.
	CommandType() CommandType
}

// ScheduleActivityTask asks for an activity; it becomes ActivityTaskScheduled.
type ScheduleActivityTask struct {
	ActivityID      string            `json:"activity_id"`
	ActivityType    string            `json:"activity_type"`
	Queue           string            `json:"queue,omitempty"` // the workflow's own when empty
	Input           Payload           `json:"input,omitzero"`
	ScheduleToClose Duration          `json:"schedule_to_close_timeout,omitzero"`
	ScheduleToStart Duration          `json:"schedule_to_start_timeout,omitzero"`
	StartToClose    Duration          `json:"start_to_close_timeout,omitzero"`
	Heartbeat       Duration          `json:"heartbeat_timeout,omitzero"`
	RetryPolicy     RetryPolicy       `json:"retry_policy,omitzero"`
	Headers         map[string]string `json:"headers,omitempty"`
	// Cancellation is what the code does when it cancels the activity. Orchestrators do not look at it.
	Cancellation CancellationType `json:"cancellation_type,omitempty"`
}

// CancellationType says what becomes of an activity that is cancelled. The names are Temporal's.
type CancellationType string

// Cancellation types. The empty one is [CancelTry].
const (
	CancelTry     CancellationType = "TryCancel"                 // ask it to stop, and do not wait
	CancelWait    CancellationType = "WaitCancellationCompleted" // ask it to stop, and wait until it has
	CancelAbandon CancellationType = "Abandon"                   // do not even ask
)

// RequestCancelActivityTask asks for an activity to stop; it becomes ActivityTaskCancelRequested.
type RequestCancelActivityTask struct {
	ActivityID string `json:"activity_id"`
}

// StartTimer arms a timer; it becomes TimerStarted.
type StartTimer struct {
	TimerID     string   `json:"timer_id"`
	StartToFire Duration `json:"start_to_fire_timeout"`
}

// CancelTimer disarms a timer; it becomes TimerCanceled.
type CancelTimer struct {
	TimerID string `json:"timer_id"`
}

// CompleteWorkflowExecution ends the run with a result.
type CompleteWorkflowExecution struct {
	Result Payload `json:"result,omitzero"`
}

// FailWorkflowExecution ends the run with an error.
type FailWorkflowExecution struct {
	Failure *Failure `json:"failure"`
}

// CancelWorkflowExecution ends the run as canceled.
type CancelWorkflowExecution struct {
	Details Payload `json:"details,omitzero"`
}

// ContinueAsNewWorkflowExecution ends the run and starts another one in its place. What is left out stays as it is.
type ContinueAsNewWorkflowExecution struct {
	WorkflowType string             `json:"workflow_type,omitempty"`
	Queue        string             `json:"queue,omitempty"`
	Input        Payload            `json:"input,omitzero"`
	RunTimeout   Duration           `json:"run_timeout,omitzero"`
	TaskTimeout  Duration           `json:"task_timeout,omitzero"`
	RetryPolicy  *RetryPolicy       `json:"retry_policy,omitempty"`
	Memo         map[string]Payload `json:"memo,omitempty"`
	Headers      map[string]string  `json:"headers,omitempty"`
	// CarriedSignals are the signals that the run has not received: a JSON list of [CarriedSignal].
	CarriedSignals Payload `json:"carried_signals,omitzero"`
}

// CommandType implements [CommandAttributes].
func (ScheduleActivityTask) CommandType() CommandType { return "ScheduleActivityTask" }

// CommandType implements [CommandAttributes].
func (RequestCancelActivityTask) CommandType() CommandType { return "RequestCancelActivityTask" }

// CommandType implements [CommandAttributes].
func (StartTimer) CommandType() CommandType { return "StartTimer" }

// CommandType implements [CommandAttributes].
func (CancelTimer) CommandType() CommandType { return "CancelTimer" }

// CommandType implements [CommandAttributes].
func (CompleteWorkflowExecution) CommandType() CommandType { return "CompleteWorkflowExecution" }

// CommandType implements [CommandAttributes].
func (FailWorkflowExecution) CommandType() CommandType { return "FailWorkflowExecution" }

// CommandType implements [CommandAttributes].
func (CancelWorkflowExecution) CommandType() CommandType { return "CancelWorkflowExecution" }

// CommandType implements [CommandAttributes].
func (ContinueAsNewWorkflowExecution) CommandType() CommandType {
	return "ContinueAsNewWorkflowExecution"
}

// Type names the kind of command.
func (c Command) Type() CommandType { return c.Attributes.CommandType() }

// MarshalJSON writes {"type", "attributes"}.
func (c Command) MarshalJSON() ([]byte, error) { return Marshal(c) }

// MarshalJSONTo is MarshalJSON for an encoder.
func (c Command) MarshalJSONTo(enc *jsontext.Encoder) error {
	return marshalTo(enc, &c)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Command) UnmarshalJSON(b []byte) error { return Unmarshal(b, c) }

var commandMembers = []string{"type", "attributes"}

// UnmarshalJSONFrom is UnmarshalJSON for a decoder.
func (c *Command) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*c = Command{}
	u := commandTypes.union()
	err := readObject(dec, commandMembers, func(name string) error { return u.member(name, dec) })
	if err != nil {
		return err
	}
	if !u.known() {
		return Errorf(CodeUnsupported, "unknown command type %.80q", u.name).
			WithHint("the worker is newer than the orchestrator: upgrade the orchestrator first")
	}
	c.Attributes, err = u.resolve()
	return err
}

var commandTypes = typesOf(CommandAttributes.CommandType, workflowCommands, childCommands, updateCommands, markerCommands)

var workflowCommands = []CommandAttributes{
	ScheduleActivityTask{},
	RequestCancelActivityTask{},
	StartTimer{},
	CancelTimer{},
	CompleteWorkflowExecution{},
	FailWorkflowExecution{},
	CancelWorkflowExecution{},
	ContinueAsNewWorkflowExecution{},
}
