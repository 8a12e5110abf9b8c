package workflow

import "time"

// Go runs f in a coroutine of its own, as go does with a goroutine. It begins when the present coroutine waits. When the
// workflow returns, coroutines that still wait are unwound: their deferred functions run and nothing else does.
func Go(ctx Context, f func(ctx Context)) {
	ctx.env().Go(func() { f(ctx) })
}

// Await waits until condition reports true. It is asked again each time that other code of the workflow ran, so it should
// be cheap, and must not wait itself. Await returns an error that matches [ErrCanceled] when ctx is cancelled before.
func Await(ctx Context, condition func() bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	met := false
	ctx.env().Poll(func() bool {
		met = condition()
		return met || ctx.scope.canceled
	}, &ctx.scope.watchers)
	if met {
		return nil
	}
	return ctx.Err()
}

// AwaitTimeout is like [Await], but waits no longer than d of the run's time. It reports whether the condition was met.
func AwaitTimeout(ctx Context, d time.Duration, condition func() bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if condition() || d <= 0 {
		return condition(), nil
	}
	child, cancel := WithCancel(ctx)
	defer cancel()
	timer, met := NewTimer(child, d), false
	ctx.env().Poll(func() bool {
		met = condition()
		return met || timer.Ready()
	}, &timer.cell.waiting)
	if met {
		return true, nil
	}
	return false, ctx.Err()
}
