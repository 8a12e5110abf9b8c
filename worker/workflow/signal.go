package workflow

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Signal is a typed name: T is what the signal carries. Clients send it, workflows receive it.
type Signal[T any] = protocol.Signal[T]

// NewSignal names a signal. Declare it once, as a package variable beside the workflow that receives it.
func NewSignal[T any](name string) Signal[T] { return protocol.NewSignal[T](name) }

// Receive waits for the next signal of that name and returns what it carries. Signals are kept in the order of their
// arrival from the run's start on, whether anybody waits or not; each is received once.
//
// It returns an error that matches [ErrCanceled] when ctx is cancelled; signals that wait stay where they are, for
// [TryReceive] or a [Disconnected] context. A Receive that waits when a signal and the cancellation come in one step returns
// the signal. A signal whose value does not fit T is taken, and its error returned: the next call gets the next signal.
func Receive[T any](ctx Context, sig Signal[T]) (T, error) {
	_, v, err := ReceiveWith(ctx, sig)
	return v, err
}

// ReceiveWith is [Receive], and returns as well a context with the headers of the signal: [Header] reads them, and activities that are
// called with it have them, such as the traceparent of whoever sent it. The headers that ctx had stay where the signal has none.
func ReceiveWith[T any](ctx Context, sig Signal[T]) (Context, T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return ctx, zero, err
	}
	box := ctx.env().Mailbox(sig.Name())
	if err := ctx.await(func() bool { return !box.Empty() }, &box.Waitlist); err != nil {
		return ctx, zero, err
	}
	return pop[T](ctx, sig.Name(), box)
}

// TryReceive returns the next signal of that name if one waits, even when ctx is cancelled. Signals whose values do not
// fit T are skipped with a warning in the log.
func TryReceive[T any](ctx Context, sig Signal[T]) (T, bool) {
	box := ctx.env().Mailbox(sig.Name())
	for !box.Empty() {
		_, v, err := pop[T](ctx, sig.Name(), box)
		if err == nil {
			return v, true
		}
		Logger(ctx).Warn("signal skipped", "signal", sig.Name(), "err", err)
	}
	var zero T
	return zero, false
}

// pop takes the next signal out of a mailbox that is not empty.
func pop[T any](ctx Context, name string, box *replay.Mailbox) (Context, T, error) {
	var v, zero T
	letter := box.Pop()
	ctx = ctx.withHeaders(letter.Headers)
	receive := intercepted(ctx, func(_ Context, _ string, in protocol.Payload) (protocol.Payload, error) { return in, nil },
		func(i Interceptor) func(ReceiveFunc) ReceiveFunc { return i.Receive })
	in, err := receive(ctx, name, letter.Value)
	if err != nil {
		return ctx, zero, err
	}
	if err := in.Decode(&v); err != nil {
		return ctx, zero, payloadError(fmt.Sprintf("the value of signal %q cannot be decoded", name), err)
	}
	return ctx, v, nil
}
