package workflow

import (
	"errors"

	"github.com/millrace-dev/millrace/protocol"
)

// ErrCanceled matches, under errors.Is, every error that comes of a cancellation: of a context, of an activity, of a
// timer. A workflow that was asked to cancel and returns such an error ends as Canceled rather than Failed.
var ErrCanceled = protocol.ErrCanceled

// ErrClosed is returned when a value is sent to a closed [Channel], or received from one that is closed and empty.
var ErrClosed = errors.New("workflow: channel closed")

// NewError makes an error with a type, by which whoever waits for the workflow tells it from others:
//
//	return workflow.NewError("OutOfStock", "no more lamps", item)
//	...
//	if errors.Is(err, protocol.ErrorType("OutOfStock")) { ... }
//
// One detail is attached as it is, several as a list; they must be encodable as JSON. Without a type of their own, errors
// carry the name of their Go type.
func NewError(typ, message string, details ...any) error {
	f := &protocol.Failure{Message: message, Source: "go", Application: &protocol.ApplicationFailure{Type: typ}}
	var value any = details
	switch len(details) {
	case 0:
		return f
	case 1:
		value = details[0]
	}
	p, err := protocol.Encode(value)
	if err != nil {
		f.Message += " (its details cannot be encoded: " + err.Error() + ")"
		return f
	}
	f.Application.Details = &p
	return f
}

// payloadError is what comes of a value that cannot cross the wire. Trying again would not help.
func payloadError(message string, err error) *protocol.Failure {
	return &protocol.Failure{
		Message: message,
		Source:  "go",
		Application: &protocol.ApplicationFailure{
			Type:         string(protocol.CodeBadPayload),
			NonRetryable: true,
		},
		Cause: protocol.NewFailure(err),
	}
}

func canceledError(reason string) error { return protocol.CanceledError(reason) }
