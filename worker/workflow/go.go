package workflow

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
