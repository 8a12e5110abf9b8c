package activity

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Terminal wraps an error that no further attempt can mend: the activity fails at once, whatever its retry policy.
// errors.Is and errors.As see through it. Terminal(nil) is nil.
func Terminal(err error) error {
	if err == nil {
		return nil
	}
	f := applicationOf(err)
	f.NonRetryable = true
	return &failure{err: err, app: f}
}

// RetryAfter wraps an error after which the next attempt should wait for d, whatever the retry policy's interval; the
// policy's limits on attempts and time still hold. RetryAfter(nil, d) is nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	f := applicationOf(err)
	f.NextRetryDelay = protocol.Duration(d)
	return &failure{err: err, app: f}
}

// Benign wraps an error that belongs to the normal course of things, such as "not yet": the worker logs it for debugging only. It is tried
// again like any other. Benign(nil) is nil.
func Benign(err error) error {
	if err == nil {
		return nil
	}
	f := applicationOf(err)
	f.Category = protocol.CategoryBenign
	return &failure{err: err, app: f}
}

// NewError makes an error of a chosen type, which retry policies can name and workflows can tell apart:
//
//	if errors.Is(err, protocol.ErrorType("NoMoney")) { ... }
//
// details, when not nil, travels along; it must be encodable as JSON. errors.As finds it, as the Details of a
// *protocol.ApplicationFailure. An error without details can simply be a [protocol.ErrorType].
func NewError(typ, message string, details any) error {
	f := &protocol.ApplicationFailure{Type: typ}
	if details != nil {
		p, err := protocol.Encode(details)
		if err != nil {
			return &failure{err: fmt.Errorf("%s (and its details are lost: %w)", message, err), app: f}
		}
		f.Details = &p
	}
	return &failure{err: errors.New(message), app: f}
}

// failure is an error with what the retry policy must know of it.
type failure struct {
	err error
	app *protocol.ApplicationFailure
}

// Error is the wrapped error's.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the wrapped error.
func (f *failure) Unwrap() error { return f.err }

// Is matches the error's own [protocol.ErrorType], as it will once the error has crossed the wire.
func (f *failure) Is(target error) bool {
	t, ok := target.(protocol.ErrorType)
	return ok && string(t) == f.app.Type
}

// ApplicationFailure implements [protocol.Applicable].
func (f *failure) ApplicationFailure() *protocol.ApplicationFailure { return f.app }

// applicationOf is the application failure that err would become.
func applicationOf(err error) *protocol.ApplicationFailure {
	if f := protocol.NewFailure(err); f.Application != nil {
		c := *f.Application
		return &c
	}
	return &protocol.ApplicationFailure{}
}
