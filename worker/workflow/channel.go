package workflow

import (
	"slices"

	"github.com/millrace-dev/millrace/worker/replay"
)

// Channel carries values between coroutines of a run, like a Go channel.
type Channel[T any] struct {
	env      *replay.Env
	capacity int
	items    []*item[T]
	closed   bool
	readers  replay.Waitlist
}

// item is a value and whether its sender may go on.
type item[T any] struct {
	value    T
	accepted bool
	sender   replay.Waitlist
}

// NewChannel returns a channel that holds up to capacity values; with 0 each sender waits until its value is received.
func NewChannel[T any](ctx Context, capacity int) *Channel[T] {
	return &Channel[T]{env: ctx.env(), capacity: max(0, capacity)}
}

// Send puts v into the channel and waits until there is room for it. It returns [ErrClosed] when the channel is closed,
// and an error that matches [ErrCanceled] when ctx is cancelled; v was then not sent.
func (c *Channel[T]) Send(ctx Context, v T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.closed {
		return ErrClosed
	}
	c.env.MayChange("send into a channel")
	it := &item[T]{value: v, accepted: len(c.items) < c.capacity}
	c.items = append(c.items, it)
	c.readers.WakeOne()
	err := ctx.await(func() bool { return it.accepted }, &it.sender)
	if err != nil {
		c.items = slices.DeleteFunc(c.items, func(other *item[T]) bool { return other == it })
	}
	return err
}

// Receive takes the oldest value out of the channel and waits for one if need be. It returns [ErrClosed] when the channel
// is closed and empty, and an error that matches [ErrCanceled] when ctx is cancelled.
func (c *Channel[T]) Receive(ctx Context) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if err := ctx.await(c.readable, &c.readers); err != nil {
		return zero, err
	}
	v, ok := c.take()
	if !ok {
		return zero, ErrClosed
	}
	return v, nil
}

// TryReceive takes the oldest value out of the channel if there is one, and does not wait. ok is false when there is none.
func (c *Channel[T]) TryReceive() (v T, ok bool) { return c.take() }

// Close says that nothing more will be sent. What was sent can still be received. Closing again does nothing.
func (c *Channel[T]) Close() {
	c.env.MayChange("close a channel")
	c.closed = true
	c.readers.WakeAll()
}

// Len is the number of values that wait to be received, those of waiting senders included.
func (c *Channel[T]) Len() int { return len(c.items) }

func (c *Channel[T]) readable() bool { return len(c.items) > 0 || c.closed }

// take returns the oldest value, or false when the channel is closed and empty. It lets the sender go on whose value now
// has room: with no capacity, that is the one whose value was taken.
func (c *Channel[T]) take() (T, bool) {
	if len(c.items) == 0 {
		var zero T
		return zero, false
	}
	c.env.MayChange("receive from a channel")
	it := c.items[0]
	c.items[0] = nil
	c.items = c.items[1:]
	c.accept(it)
	if n := c.capacity; 0 < n && n <= len(c.items) {
		c.accept(c.items[n-1])
	}
	return it.value, true
}

func (c *Channel[T]) accept(it *item[T]) {
	it.accepted = true
	it.sender.WakeAll()
}
