package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// TimeoutType names which deadline passed.
type TimeoutType string

// Timeout types, as in Temporal.
const (
	TimeoutStartToClose    TimeoutType = "StartToClose"
	TimeoutScheduleToStart TimeoutType = "ScheduleToStart"
	TimeoutScheduleToClose TimeoutType = "ScheduleToClose"
	TimeoutHeartbeat       TimeoutType = "Heartbeat"
)

// Failure is an error on the wire: a recursive tree, as in Temporal. At most one of the pointers to details is set;
// Cause is what led to it. A *Failure is a Go error: errors.As finds the details anywhere in the tree, and
// errors.Is(err, [ErrCanceled]) recognises a cancellation below any number of wrappings.
type Failure struct {
	Message string   `json:"message"`
	Source  string   `json:"source,omitempty"` // the SDK that made it, such as "go"
	Stack   string   `json:"stack,omitempty"`
	Cause   *Failure `json:"cause,omitempty"`
	// Encoded, when set, is the message and the stack, for those who have the codec: a JSON object of both.
	Encoded *Payload `json:"encoded_attributes,omitempty"`

	Application *ApplicationFailure `json:"application,omitempty"`
	Timeout     *TimeoutFailure     `json:"timeout,omitempty"`
	Canceled    *CanceledFailure    `json:"canceled,omitempty"`
	Terminated  *TerminatedFailure  `json:"terminated,omitempty"`
	Activity    *ActivityFailure    `json:"activity,omitempty"`
	Rejected    *RejectedFailure    `json:"rejected,omitempty"`

	ChildWorkflow *ChildWorkflowFailure `json:"child_workflow,omitempty"`
}

// ApplicationFailure is an error that user code returned.
type ApplicationFailure struct {
	// Type classifies the error for retry policies; the Go type name unless the author chose one.
	Type string `json:"type,omitempty"`
	// NonRetryable ends the activity at once, whatever its policy.
	NonRetryable bool `json:"non_retryable,omitzero"`
	// NextRetryDelay, when not zero, replaces the policy's wait before the next attempt.
	NextRetryDelay Duration `json:"next_retry_delay,omitzero"`
	// Category says how much the error matters; empty: as much as any.
	Category FailureCategory `json:"category,omitempty"`
	// Details is a value that the author attached.
	Details *Payload `json:"details,omitempty"`
}

// TimeoutFailure says that a deadline passed.
type TimeoutFailure struct {
	Type TimeoutType `json:"type"`
	// LastHeartbeat is what the activity last reported, if anything.
	LastHeartbeat *Payload `json:"last_heartbeat,omitempty"`
}

// CanceledFailure says that the work stopped because it was asked to.
type CanceledFailure struct {
	Details *Payload `json:"details,omitempty"`
}

// TerminatedFailure says that the run was ended from outside.
type TerminatedFailure struct {
	Identity string `json:"identity,omitempty"`
}

// ActivityFailure wraps what went wrong in an activity, for the workflow that called it.
type ActivityFailure struct {
	ActivityType string     `json:"activity_type"`
	ActivityID   string     `json:"activity_id"`
	ScheduledID  int64      `json:"scheduled_event_id,omitzero"`
	StartedID    int64      `json:"started_event_id,omitzero"`
	Identity     string     `json:"identity,omitempty"`
	RetryState   RetryState `json:"retry_state,omitempty"`
}

// ChildWorkflowFailure wraps what went wrong in a child workflow, for the workflow that started it.
type ChildWorkflowFailure struct {
	WorkflowID   string `json:"workflow_id"`
	RunID        string `json:"run_id,omitempty"` // empty: it was never started
	WorkflowType string `json:"workflow_type"`
	InitiatedID  int64  `json:"initiated_event_id,omitzero"`
	StartedID    int64  `json:"started_event_id,omitzero"`
}

// RejectedFailure says that an update was refused by the run's code. The failure's cause says why.
type RejectedFailure struct {
	UpdateID string `json:"update_id"`
	Update   string `json:"update"`
}

// ErrCanceled matches every cancellation under [errors.Is].
var ErrCanceled = errors.New("canceled")

// ErrRejected matches, under [errors.Is], every rejection of an update.
var ErrRejected = errors.New("rejected")

// Error shows the whole chain in one line, outermost first. A message that already ends with its cause's, as
// fmt.Errorf("charge: %w", err) makes it, is not said twice.
func (f *Failure) Error() string {
	if f.Cause == nil || strings.HasSuffix(f.Message, f.Cause.Error()) {
		return f.Message
	}
	return f.Message + ": " + f.Cause.Error()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error {
	if f.Cause == nil {
		return nil
	}
	return f.Cause
}

// Is matches [ErrCanceled] when this failure is a cancellation, [ErrRejected] when it is a rejection, an [ErrorType] when it is an
// application failure of that type, and an [Error] when it is one of the same code that crossed the wire.
func (f *Failure) Is(target error) bool {
	if t, ok := target.(ErrorType); ok {
		return f.Application != nil && f.Application.Type == string(t)
	}
	if e, ok := target.(*Error); ok && f.Application != nil && f.Application.Type == string(e.Code) {
		return true
	}
	return target == ErrCanceled && f.Canceled != nil || target == ErrRejected && f.Rejected != nil
}

// As hands out the details of this failure, so that errors.As(err, &app) works with app of type *[ApplicationFailure].
func (f *Failure) As(target any) bool {
	switch t := target.(type) {
	case **ApplicationFailure:
		return assign(t, f.Application)
	case **TimeoutFailure:
		return assign(t, f.Timeout)
	case **CanceledFailure:
		return assign(t, f.Canceled)
	case **TerminatedFailure:
		return assign(t, f.Terminated)
	case **ActivityFailure:
		return assign(t, f.Activity)
	case **ChildWorkflowFailure:
		return assign(t, f.ChildWorkflow)
	case **RejectedFailure:
		return assign(t, f.Rejected)
	}
	return false
}

func assign[T any](target **T, v *T) bool {
	if v != nil {
		*target = v
	}
	return v != nil
}

// Error names the application failure's type.
func (f *ApplicationFailure) Error() string { return "application failure of type " + f.Type }

// Error names the deadline.
func (f *TimeoutFailure) Error() string { return string(f.Type) + " timeout" }

// Error says canceled.
func (f *CanceledFailure) Error() string { return "canceled" }

// Error says terminated.
func (f *TerminatedFailure) Error() string { return "terminated" }

// Error names the activity.
func (f *ActivityFailure) Error() string { return "activity " + f.ActivityType }

// Error names the child.
func (f *ChildWorkflowFailure) Error() string { return "child workflow " + f.WorkflowType }

// Error names the update.
func (f *RejectedFailure) Error() string { return "update " + f.Update + " rejected" }

// Source of failures made by this SDK.
const sourceGo = "go"

// NewFailure turns any Go error into a failure. Its type is that of the first error in err's tree that has one: fmt.Errorf("charge: %w",
// err) has the type of err. A *Failure in the tree keeps its details and becomes the cause, and so does an error of another type that err
// wraps. What is absurdly long is cut; see [Failure.Bound].
func NewFailure(err error) *Failure { return newFailure(err, 0).Bound() }

func newFailure(err error, depth int) *Failure {
	if err == nil {
		return nil
	}
	if f, ok := err.(*Failure); ok { //nolint:errorlint // only the outermost error is already in wire form
		return f
	}
	f := &Failure{Message: err.Error(), Source: sourceGo, Application: &ApplicationFailure{Type: typeName(typed(err))}}
	if app, ok := errors.AsType[Applicable](err); ok && app.ApplicationFailure() != nil {
		f.Application = app.ApplicationFailure()
	}
	f.Cause = cause(err, f.Application.Type, depth)
	if errors.Is(err, ErrCanceled) {
		f.Application, f.Canceled = nil, &CanceledFailure{}
	}
	return f
}

// Applicable is an error that knows its own application failure, such as a terminal or a retry-after error.
type Applicable interface {
	error
	ApplicationFailure() *ApplicationFailure
}

// typeName is the error's Go type without pointer and package path, as Temporal's SDK names it.
func typeName(err error) string {
	name := fmt.Sprintf("%T", err)
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' || name[i] == '*' {
			return name[i+1:]
		}
	}
	return name
}

// TimeoutError makes the failure of a passed deadline.
func TimeoutError(t TimeoutType, message string, cause *Failure) *Failure {
	return &Failure{Message: message, Source: sourceGo, Timeout: &TimeoutFailure{Type: t}, Cause: cause}
}

// Silent makes the failure of an attempt whose worker fell silent.
func Silent(attempt int) *Failure {
	return TimeoutError(TimeoutHeartbeat, fmt.Sprintf("the worker that ran attempt %d did not report back", attempt), nil)
}

// CanceledError makes the failure of work that was asked to stop.
func CanceledError(message string) *Failure {
	return &Failure{Message: message, Source: sourceGo, Canceled: &CanceledFailure{}}
}
