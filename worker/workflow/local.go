package workflow

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// DoLocal runs a short activity in the workflow's own worker and waits for its result. It saves the way over the task queue: nothing is
// dispatched, and the result is recorded with the step. The activity must be registered with this very worker.
//
// The step lasts until its local activities have ended, so they must be quick: all of them, and their retries, have four fifths of the
// workflow's task timeout (10 s unless the start said otherwise), and what has not ended by then fails with a timeout. If the worker dies
// before the step is recorded, the activity runs again. Timeouts and the retry policy are those of [Do]; a retry that would come too late
// is not made. There are no heartbeats, and no queue.
func DoLocal[I, O any](ctx Context, activity func(context.Context, I) (O, error), in I, opts ...ActivityOption) (O, error) {
	return StartLocal(ctx, activity, in, opts...).Get(ctx)
}

// StartLocal is [DoLocal] without waiting. The step still lasts until the activity has ended.
func StartLocal[I, O any](ctx Context, activity func(context.Context, I) (O, error), in I, opts ...ActivityOption) Future[O] {
	return startLocal[O](ctx, activityName(activity), in, opts)
}

// DoLocal runs the activity in the workflow's own worker and waits for its result; see the function [DoLocal].
func (a Activity[I, O]) DoLocal(ctx Context, in I, opts ...ActivityOption) (O, error) {
	return a.StartLocal(ctx, in, opts...).Get(ctx)
}

// StartLocal is like DoLocal but does not wait.
func (a Activity[I, O]) StartLocal(ctx Context, in I, opts ...ActivityOption) Future[O] {
	return startLocal[O](ctx, a.name, in, opts)
}

func startLocal[O any](ctx Context, name string, in any, opts []ActivityOption) Future[O] {
	var zero O
	if err := ctx.Err(); err != nil {
		return settledFuture(zero, err)
	}
	command, err := newCommand(ctx, name, in, opts)
	if err != nil {
		return settledFuture(zero, err)
	}
	f := newFuture[O]()
	ask := intercepted(ctx, runLocal, func(i Interceptor) func(ActivityFunc) ActivityFunc { return i.Activity })
	ask(ctx, command, func(result protocol.Payload, err error) {
		f.cell.settle(decodeResult[O](name, result, err))
	})
	return f
}
