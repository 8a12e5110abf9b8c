package embedded

import "fmt"

// Error says why a server did not start, and what to do about it.
type Error struct {
	// Reason is a sentence, Hint what to try.
	Reason, Hint string
	// Misuse is true when the options are wrong, and false when the machine does not permit what they ask for.
	Misuse bool
}

// Error is the reason.
func (e *Error) Error() string { return e.Reason }

func misuse(hint, reason string, args ...any) *Error {
	return &Error{Reason: fmt.Sprintf(reason, args...), Hint: hint, Misuse: true}
}

func unavailable(hint, reason string, args ...any) *Error {
	return &Error{Reason: fmt.Sprintf(reason, args...), Hint: hint}
}
