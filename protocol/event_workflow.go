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
	TaskTimeout  Duration           `json:"task_timeout,omitzero"`  // how long a worker may think about one step; 10 s when zero
	RetryPolicy  *RetryPolicy       `json:"retry_policy,omitempty"` // normalised; nil: a run that fails is not tried again
	Memo         map[string]Payload `json:"memo,omitempty"`
	// SearchAttributes are what the run can be found by.
	SearchAttributes map[string]Payload `json:"search_attributes,omitempty"`
	Headers          map[string]string  `json:"headers,omitempty"`
	Identity         string             `json:"identity,omitempty"`

	// PinnedVersion is the version of the workers' code that the run stays with from its first step on; empty: the first step decides.
	PinnedVersion string `json:"pinned_version,omitempty"`
	// FirstTaskDelay is how long the first workflow task waits: a start delay, or the pause before a retry.
	FirstTaskDelay Duration `json:"first_workflow_task_delay,omitzero"`
	// ExecutionTimeout and ExecutionDeadline limit the chain of runs that follow each other; zero: no limit.
	ExecutionTimeout  Duration  `json:"execution_timeout,omitzero"`
	ExecutionDeadline time.Time `json:"execution_deadline,omitzero"`

	// FirstRunID is the first run of the chain, PreviousRunID the one before this; both empty in the first run itself.
	FirstRunID    string `json:"first_run_id,omitempty"`
	PreviousRunID string `json:"previous_run_id,omitempty"`
	// Initiator says why there is a run before this one; empty in the first.
	Initiator Initiator `json:"initiator,omitempty"`
	// Attempt counts the tries of the retry policy from 1.
	Attempt int `json:"attempt,omitzero"`
	// LastFailure is how the run before this one failed.
	LastFailure *Failure `json:"last_failure,omitempty"`
	// OriginalRunID is the run whose first events this one repeats; empty if it repeats none. What the code derived from its run
	// ID then, it must derive again.
	OriginalRunID string `json:"original_run_id,omitempty"`
	// Reset says that this run repeats the beginning of another one.
	Reset *ResetPoint `json:"reset,omitempty"`
	// Activity says that the run is one activity, without a workflow: its type is WorkflowType. Nil: it is a workflow.
	Activity *ActivityOptions `json:"activity,omitempty"`
	// CarriedSignals are signals that the run before this one got and did not receive: a JSON list of [CarriedSignal].
	CarriedSignals Payload `json:"carried_signals,omitzero"`

	// Parent is the run whose child this is and the event that asked for it, Root the first of a line of parents. Nil: there is none.
	Parent *Origin    `json:"parent,omitempty"`
	Root   *Execution `json:"root,omitempty"`
}

// ResetPoint is where a run branches off another one. The events before Event are the other run's own; at Event the step that was
// taken there is taken anew.
type ResetPoint struct {
	Run       string `json:"run_id"`
	Event     int64  `json:"event_id"`
	RequestID string `json:"request_id,omitempty"`
}

// WorkflowExecutionPaused says that the run takes no step until it is unpaused.
type WorkflowExecutionPaused struct {
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Identity  string `json:"identity,omitempty"`
}

// WorkflowExecutionUnpaused says that the run goes on.
type WorkflowExecutionUnpaused struct {
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Identity  string `json:"identity,omitempty"`
}

// Initiator says why a run follows another.
type Initiator string

// Initiators.
const (
	InitiatorContinueAsNew Initiator = "ContinueAsNew" // the run before asked for it
	InitiatorRetry         Initiator = "Retry"         // the run before failed and its policy says try again
)

// CarriedSignal is a signal on its way from a run that never received it to the run that follows.
type CarriedSignal struct {
	Name    string            `json:"signal_name"`
	Input   Payload           `json:"input,omitzero"`
	Headers map[string]string `json:"headers,omitempty"`
}

// WorkflowExecutionCompleted ends a run with a result.
type WorkflowExecutionCompleted struct {
	Result          Payload `json:"result,omitzero"`
	TaskCompletedID int64   `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionFailed ends a run with the error that the workflow returned.
type WorkflowExecutionFailed struct {
	Failure         *Failure   `json:"failure"`
	RetryState      RetryState `json:"retry_state,omitempty"`
	NewRunID        string     `json:"new_run_id,omitempty"` // the run that tries again; empty: none does
	TaskCompletedID int64      `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionTimedOut ends a run whose run timeout passed, or the execution timeout of its chain.
type WorkflowExecutionTimedOut struct {
	Timeout    Duration   `json:"timeout"`
	Failure    *Failure   `json:"failure,omitempty"` // of an activity that ran alone
	RetryState RetryState `json:"retry_state,omitempty"`
	NewRunID   string     `json:"new_run_id,omitempty"` // the run that tries again; empty: none does
}

// WorkflowExecutionContinuedAsNew ends a run that asked for another one in its place.
type WorkflowExecutionContinuedAsNew struct {
	NewRunID        string             `json:"new_run_id"`
	WorkflowType    string             `json:"workflow_type"`
	Queue           string             `json:"queue"`
	Input           Payload            `json:"input,omitzero"`
	RunTimeout      Duration           `json:"run_timeout,omitzero"`
	TaskTimeout     Duration           `json:"task_timeout,omitzero"`
	RetryPolicy     *RetryPolicy       `json:"retry_policy,omitempty"`
	Memo            map[string]Payload `json:"memo,omitempty"`
	Headers         map[string]string  `json:"headers,omitempty"`
	CarriedSignals  Payload            `json:"carried_signals,omitzero"`
	TaskCompletedID int64              `json:"workflow_task_completed_event_id"`
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
	NewRunID string  `json:"new_run_id,omitempty"` // the run that was reset from this one; empty: none was
	// ResetID says how far the new run repeats this one; zero: not at all.
	ResetID int64 `json:"reset_event_id,omitzero"`
}

// WorkflowExecutionCancelRequested asks the run's code to stop.
type WorkflowExecutionCancelRequested struct {
	Reason    string  `json:"reason,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	Identity  string  `json:"identity,omitempty"`
	From      *Origin `json:"from,omitempty"` // the workflow that asked; nil: a client
}

// WorkflowExecutionSignaled hands the run a value.
type WorkflowExecutionSignaled struct {
	Name      string            `json:"signal_name"`
	Input     Payload           `json:"input,omitzero"`
	RequestID string            `json:"request_id,omitempty"`
	Identity  string            `json:"identity,omitempty"`
	From      *Origin           `json:"from,omitempty"` // the workflow that asked; nil: a client
	Headers   map[string]string `json:"headers,omitempty"`
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
func (WorkflowExecutionContinuedAsNew) EventType() EventType {
	return "WorkflowExecutionContinuedAsNew"
}

// EventType implements [EventAttributes].
func (WorkflowExecutionTerminated) EventType() EventType { return "WorkflowExecutionTerminated" }

// EventType implements [EventAttributes].
func (WorkflowExecutionCancelRequested) EventType() EventType {
	return "WorkflowExecutionCancelRequested"
}

// EventType implements [EventAttributes].
func (WorkflowExecutionPaused) EventType() EventType { return "WorkflowExecutionPaused" }

// EventType implements [EventAttributes].
func (WorkflowExecutionUnpaused) EventType() EventType { return "WorkflowExecutionUnpaused" }

// EventType implements [EventAttributes].
func (WorkflowExecutionSignaled) EventType() EventType { return "WorkflowExecutionSignaled" }

var workflowEvents = []EventAttributes{
	WorkflowExecutionStarted{},
	WorkflowExecutionCompleted{},
	WorkflowExecutionFailed{},
	WorkflowExecutionTimedOut{},
	WorkflowExecutionContinuedAsNew{},
	WorkflowExecutionCanceled{},
	WorkflowExecutionTerminated{},
	WorkflowExecutionCancelRequested{},
	WorkflowExecutionPaused{},
	WorkflowExecutionUnpaused{},
	WorkflowExecutionSignaled{},
}
