package protocol

import (
	"errors"
	"fmt"
)

// ErrorType is a kind of error that is the same on both sides of the wire. A Go error that an activity returns arrives in the workflow as
// a [Failure]: not the same variable any more, so that errors.Is cannot find it, but with the name of its type. Declare what callers
// should tell apart as constants of this type, beside the activity, and return and compare them as you would any sentinel:
//
//	const ErrNoMoney = protocol.ErrorType("NoMoney")
//
//	return fmt.Errorf("charge %s: %w", account, ErrNoMoney)   // in the activity
//	if errors.Is(err, ErrNoMoney) { ... }                     // in the workflow, or in a client
//
// It matches errors of that name however they were made: by activity.NewError and workflow.NewError, by a worker in another language,
// and Go errors of a type of that name, without its package. It is also the name that a retry policy's NonRetryableTypes go by.
type ErrorType string

// Error is the type's name.
func (t ErrorType) Error() string { return string(t) }

// ApplicationFailure implements [Applicable].
func (t ErrorType) ApplicationFailure() *ApplicationFailure {
	return &ApplicationFailure{Type: string(t)}
}

// FailureCategory says how much an error matters.
type FailureCategory string

// CategoryBenign is an error that belongs to the normal course of things, such as "not yet": it is logged for debugging only.
const CategoryBenign FailureCategory = "benign"

// wraps reports whether an error is nothing but text around others, made by fmt.Errorf or errors.Join: its Go type says nothing.
func wraps(err error) bool {
	switch fmt.Sprintf("%T", err) {
	case "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError":
		return true
	}
	return false
}

// within are the errors that err wraps.
func within(err error) []error {
	switch e := err.(type) { //nolint:errorlint // one level at a time
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

// typed finds the first error in err's tree with a type that says something; err itself when there is none. A failure has one of its own,
// and stays the cause.
func typed(err error) error {
	if !wraps(err) {
		return err
	}
	for _, inner := range within(err) {
		if t := typed(inner); speaks(t) {
			return t
		}
	}
	return err
}

// speaks reports whether the name of err's Go type says something.
func speaks(err error) bool {
	_, failure := err.(*Failure) //nolint:errorlint // this very error
	return !failure && !wraps(err) && typeName(err) != anonymous
}

// anonymous is the type of errors.New.
const anonymous = "errorString"

// cause is what made err: the failure in its tree that came over the wire, or the next error in it of another type than its own, outer.
// That one is kept so that errors.Is finds its [ErrorType] below the outer one.
func cause(err error, outer string, depth int) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if depth >= maxDepth {
		return nil
	}
	for _, inner := range within(err) {
		if speaks(inner) && kind(inner) != outer {
			return newFailure(inner, depth+1)
		}
		if f := cause(inner, outer, depth+1); f != nil {
			return f
		}
	}
	return nil
}

// kind is the type that err alone would have on the wire.
func kind(err error) string {
	if app, ok := err.(Applicable); ok && app.ApplicationFailure() != nil { //nolint:errorlint // this very error
		return app.ApplicationFailure().Type
	}
	return typeName(err)
}
