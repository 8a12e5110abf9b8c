package workflow

import "github.com/millrace-dev/millrace/worker/replay"

// Future is the outcome of something that goes on: an activity, a timer, or what another coroutine computes. Copies of it
// are the same future.
type Future[T any] struct{ cell *cell[T] }

// cell is where a future's outcome is put.
type cell[T any] struct {
	settled bool
	value   T
	err     error
	waiting replay.Waitlist
}

// NewFuture returns a future and the function that settles it. Only the first call of settle counts.
func NewFuture[T any](ctx Context) (f Future[T], settle func(T, error)) {
	f = newFuture[T]()
	env := ctx.env()
	return f, func(value T, err error) {
		env.MayChange("settle a future")
		f.cell.settle(value, err)
	}
}

// Get waits for the outcome and returns it, every time the same. When ctx is cancelled first, Get returns an error that
// matches [ErrCanceled], and the future goes on.
func (f Future[T]) Get(ctx Context) (T, error) {
	if err := ctx.await(f.Ready, &f.cell.waiting); err != nil {
		var zero T
		return zero, err
	}
	return f.cell.value, f.cell.err
}

// Ready reports whether Get would return at once.
func (f Future[T]) Ready() bool { return f.cell.settled }

func newFuture[T any]() Future[T] { return Future[T]{cell: &cell[T]{}} }

// settledFuture is a future that never had to wait.
func settledFuture[T any](value T, err error) Future[T] {
	f := newFuture[T]()
	f.cell.settle(value, err)
	return f
}

func (c *cell[T]) settle(value T, err error) {
	if c.settled {
		return
	}
	c.settled, c.value, c.err = true, value, err
	c.waiting.WakeAll()
}
