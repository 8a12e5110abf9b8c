package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Arming is how a wake-up gets into its place, which holds one. It is exported for this repository's simulation; there is no promise of
// compatibility.
//
// A node that was replaced and does not know it may arm what it decided before: its message is in flight, or it stood still. What its
// successor has armed meanwhile must not be lost to that, since it is all that brings somebody back to a workflow that sleeps. So a wake-up
// takes the place of what its node knows of, and of anything else only if that is less urgent.
type Arming struct {
	// Try publishes the wake-up once, with the expected sequence.
	Try func(ctx context.Context, expect uint64) (uint64, error)
	// Last reads what is in the place, with the time at which it fires, from the stream's leader.
	Last func(context.Context) (protocol.Entry, error)
	// Stays reports whether what waits there is more urgent: [NoLater] for the wake-up of a workflow, [LaterAttempt] for a retry.
	Stays func(waits protocol.TimerInput) bool
}

// Arm puts the wake-up, which fires at a moment and whose bytes are data, in the place of the one at known; zero: none is known to be
// there. It returns the sequence of what waits from now on, and what that is if it was there and stays.
func (a Arming) Arm(ctx context.Context, at time.Time, data []byte, known uint64) (seq uint64, stays *protocol.TimerInput, err error) {
	for {
		seq, err := Appending{
			Try: func(ctx context.Context) (uint64, error) { return a.Try(ctx, known) },
			Last: func(ctx context.Context) (protocol.Entry, error) {
				last, err := a.Last(ctx)
				last.Data = identity(last.Time, last.Data)
				return last, err
			},
		}.Append(ctx, identity(at, data), known)
		if !errors.Is(err, protocol.ErrConflict) {
			return seq, nil, err
		}
		last, err := a.Last(ctx)
		if err != nil {
			return 0, nil, wrap(err)
		}
		known = last.Seq
		var waits protocol.TimerInput
		if last.Seq != 0 && protocol.Unmarshal(last.Data, &waits) == nil && a.Stays(waits) {
			return last.Seq, &waits, nil
		}
	}
}

// identity is what tells a wake-up from another: the same attempt may be brought forward.
func identity(at time.Time, data []byte) []byte {
	return append(at.UTC().AppendFormat(nil, time.RFC3339Nano), data...)
}

// LaterAttempt reports whether a later attempt of an activity waits in the place of a retry.
func LaterAttempt(task protocol.ActivityTask) func(protocol.TimerInput) bool {
	return func(waits protocol.TimerInput) bool { return waits.Task != nil && waits.Task.Number() > task.Number() }
}

// NoLater reports whether what waits is due at a moment, or before it.
func NoLater(due time.Time) func(protocol.TimerInput) bool {
	return func(waits protocol.TimerInput) bool { return !waits.Due.After(due) }
}
