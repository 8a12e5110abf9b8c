package workflow

import (
	"time"

	"github.com/millrace-dev/millrace/worker/replay"
)

// Now is the run's time: when the present step began. It stands still while the code runs, and is the same when the code
// runs again.
func Now(ctx Context) time.Time { return ctx.env().Now() }

// Sleep waits for d, for hours or months if need be: no process has to stay alive meanwhile. Zero or less returns at once.
// It returns an error that matches [ErrCanceled] when ctx is cancelled before.
func Sleep(ctx Context, d time.Duration) error {
	_, err := NewTimer(ctx, d).Get(ctx)
	return err
}

// NewTimer returns a future that settles after d, with the time at which it did; at once when d is zero or less. When ctx
// is cancelled before, the timer is disarmed and the future settles with an error that matches [ErrCanceled].
// To disarm one timer alone, start it with a context of its own from [WithCancel].
func NewTimer(ctx Context, d time.Duration) Future[time.Time] {
	if err := ctx.Err(); err != nil {
		return settledFuture(time.Time{}, err)
	}
	if d <= 0 {
		return settledFuture(Now(ctx), nil)
	}
	f := newFuture[time.Time]()
	ask := intercepted(ctx, startTimer, func(i Interceptor) func(TimerFunc) TimerFunc { return i.Timer })
	ask(ctx, d, func(err error) {
		if err != nil {
			f.cell.settle(time.Time{}, err)
			return
		}
		f.cell.settle(Now(ctx), nil)
	})
	return f
}

func startTimer(ctx Context, d time.Duration, done func(error)) { newTimer(ctx, d, done) }

// newTimer starts a timer that ends with ctx.
func newTimer(ctx Context, d time.Duration, done func(error)) *replay.Operation {
	forget := func() {}
	op := ctx.env().StartTimer(d, func(err error) {
		forget()
		done(err)
	})
	forget = ctx.scope.onCancel(op.Cancel)
	return op
}
