package workflow

import (
	"context"
	"errors"
	"maps"

	"github.com/millrace-dev/millrace/protocol"
)

// Do runs an activity and waits for its result. The activity is a function, or a method value, that some worker of the
// queue has registered; the call goes by its name, such as "shop.Charge", so the function itself need not be linked into
// that worker's program. See [Activity] for activities that are known by name only.
//
// An activity that fails is tried again according to its [Retry] policy, by default for ever; what arrives here is the
// last word. It is a *protocol.Failure: errors.As finds a *protocol.ApplicationFailure with the type of the activity's
// own error, a *protocol.TimeoutFailure or a *protocol.ActivityFailure in it.
//
// Do returns an error that matches [ErrCanceled] when ctx is cancelled: the activity is not started, or is asked to stop
// and no longer waited for.
func Do[I, O any](ctx Context, activity func(context.Context, I) (O, error), in I, opts ...ActivityOption) (O, error) {
	return do[O](ctx, activityName(activity), in, opts)
}

// Start is like [Do] but does not wait.
func Start[I, O any](ctx Context, activity func(context.Context, I) (O, error), in I, opts ...ActivityOption) Future[O] {
	f, _ := start[O](ctx, activityName(activity), in, opts)
	return f
}

// Activity is an activity that is known by name: one that is written in another language, or registered under a name of
// its own. I is what it takes and O what it returns, as JSON.
type Activity[I, O any] struct{ name string }

// NewActivity names an activity. Declare it once, as a package variable.
func NewActivity[I, O any](name string) Activity[I, O] { return Activity[I, O]{name: name} }

// Name is the activity's name on the wire.
func (a Activity[I, O]) Name() string { return a.name }

// Do runs the activity and waits for its result; see the function [Do].
func (a Activity[I, O]) Do(ctx Context, in I, opts ...ActivityOption) (O, error) {
	return do[O](ctx, a.name, in, opts)
}

// Start is like Do but does not wait.
func (a Activity[I, O]) Start(ctx Context, in I, opts ...ActivityOption) Future[O] {
	f, _ := start[O](ctx, a.name, in, opts)
	return f
}

// do waits for an activity; even when ctx is cancelled, if it is one to wait for: it then ends soon.
func do[O any](ctx Context, name string, in any, opts []ActivityOption) (O, error) {
	f, wait := start[O](ctx, name, in, opts)
	if wait {
		return f.Get(Disconnected(ctx))
	}
	return f.Get(ctx)
}

// start asks for an activity, and reports whether a cancellation waits for its end.
func start[O any](ctx Context, name string, in any, opts []ActivityOption) (future Future[O], wait bool) {
	var zero O
	if err := ctx.Err(); err != nil {
		return settledFuture(zero, err), false
	}
	command, err := newCommand(ctx, name, in, opts)
	if err != nil {
		return settledFuture(zero, err), false
	}
	f := newFuture[O]()
	ask := intercepted(ctx, schedule, func(i Interceptor) func(ActivityFunc) ActivityFunc { return i.Activity })
	ask(ctx, command, func(result protocol.Payload, err error) {
		if errors.Is(err, ErrCanceled) && ctx.scope.failure != nil {
			err = ctx.scope.failure
		}
		f.cell.settle(decodeResult[O]("activity "+name, result, err))
	})
	return f, command.Cancellation == protocol.CancelWait
}

func newCommand(ctx Context, name string, in any, opts []ActivityOption) (protocol.ScheduleActivityTask, error) {
	c := protocol.ScheduleActivityTask{ActivityType: name}
	for _, o := range ctx.defaults {
		o(&c)
	}
	for _, o := range opts {
		o(&c)
	}
	if err := validate(c); err != nil {
		return c, err
	}
	input, err := protocol.Encode(in)
	if err != nil {
		return c, payloadError("the input of activity "+name+" cannot be encoded", err)
	}
	c.Input, c.Headers = input, maps.Clone(ctx.outgoing())
	return c, nil
}

func decodeResult[O any](of string, result protocol.Payload, err error) (O, error) {
	var out O
	if err != nil {
		return out, err
	}
	if err := result.Decode(&out); err != nil {
		var zero O
		return zero, payloadError("the result of "+of+" cannot be decoded", err)
	}
	return out, nil
}
