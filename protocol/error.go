package protocol

import (
	"errors"
	"fmt"
)

// Code classifies an [Error]. Codes are part of the wire protocol and never change their meaning.
type Code string

// The codes that Millrace answers with.
const (
	CodeBadRequest     Code = "bad_request"     // the request is not JSON, or a field is missing or wrong
	CodeBadPayload     Code = "bad_payload"     // a value cannot be encoded or decoded
	CodeTooLarge       Code = "too_large"       // the value does not fit, even after it was moved to the object store
	CodeNotFound       Code = "not_found"       // no such workflow or run
	CodeAlreadyStarted Code = "already_started" // the workflow ID is taken by an open run, or by the reuse policy
	CodeClosed         Code = "closed"          // the run has ended
	CodeUnknownType    Code = "unknown_type"    // no worker knows this workflow or activity type
	CodeUnknownQuery   Code = "unknown_query"   // the run's code answers no query of this name
	CodeNotReady       Code = "not_ready"       // the run has not taken its first step
	CodeUnauthorized   Code = "unauthorized"    // NATS does not allow this user to do it
	CodeNoWorker       Code = "no_worker"       // nobody serves this queue
	CodeNoOrchestrator Code = "no_orchestrator" // nobody answers for this namespace
	CodeUnavailable    Code = "unavailable"     // NATS cannot be reached, or refused; try again
	CodeBusy           Code = "busy"            // no room for a new run right now: nothing was done, and it may pass; try again
	CodeTimeout        Code = "timeout"         // no answer in time; whether it happened is unknown, and asking again is safe
	CodeConflict       Code = "conflict"        // another writer was first
	CodeCorrupt        Code = "corrupt"         // stored data is broken; the run is quarantined
	CodeUnsupported    Code = "unsupported"     // the other side is too old or too new
	CodeInternal       Code = "internal"        // a bug in Millrace
)

// Error is every error that Millrace itself reports: a code for programs, a sentence for people and, where there is one,
// a hint that says what to try. It looks the same in Go and in JSON. Two Errors match under [errors.Is] when their codes
// are equal, so errors.Is(err, protocol.ErrNotFound) works for an error that came over the wire.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Run is the run that an already_started error speaks of, or the one that follows a closed one.
	Run string `json:"run_id,omitempty"`
}

// Sentinels for [errors.Is].
var (
	ErrNotFound       = &Error{Code: CodeNotFound, Message: "no such workflow"}
	ErrAlreadyStarted = &Error{Code: CodeAlreadyStarted, Message: "the workflow ID is taken"}
	ErrClosed         = &Error{Code: CodeClosed, Message: "the run has ended"}
	ErrNoWorker       = &Error{Code: CodeNoWorker, Message: "nobody serves the queue"}
	ErrNoOrchestrator = &Error{Code: CodeNoOrchestrator, Message: "no orchestrator answers"}
	ErrUnavailable    = &Error{Code: CodeUnavailable, Message: "NATS is unavailable"}
	ErrBusy           = &Error{Code: CodeBusy, Message: "there is no room for a new run right now"}
	ErrTimeout        = &Error{Code: CodeTimeout, Message: "no answer in time"}
	ErrConflict       = &Error{Code: CodeConflict, Message: "another writer was first"}
	ErrUnauthorized   = &Error{Code: CodeUnauthorized, Message: "NATS does not allow it"}
	ErrTooLarge       = &Error{Code: CodeTooLarge, Message: "the value does not fit"}
	ErrCorrupt        = &Error{Code: CodeCorrupt, Message: "stored data is broken"}
)

// Errorf makes an error with a code and a formatted sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of the error that says what to try.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }

// Is matches any other Error of the same code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// ApplicationFailure implements [Applicable]: an error that a workflow or an activity returns keeps its code, as the failure's type.
func (e *Error) ApplicationFailure() *ApplicationFailure {
	return &ApplicationFailure{Type: string(e.Code)}
}

// AsError finds the [Error] in err's chain, or wraps err as one with code internal. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Errorf(CodeInternal, "%v", err)
}

// ErrRepeated says that a stream has had a message of the same message ID lately. The message is not stored again.
var ErrRepeated = errors.New("a stream has had a message of this ID")

// ErrTaken says that a task is in the stream already and was given to a worker, which may have it still.
var ErrTaken = errors.New("the task is with a worker, or was")
