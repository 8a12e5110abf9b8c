package workflow

import (
	"container/list"
	"time"

	"github.com/millrace-dev/millrace/worker/replay"
)

// CancelFunc cancels a context and everything that was started with it. It may be called more than once.
type CancelFunc func()

// WithCancel returns a context that ends when cancel is called or ctx is cancelled. Timers and activities started with it
// are then cancelled too: their futures settle at once with an error that matches [ErrCanceled], and running activities
// are told to stop.
func WithCancel(ctx Context) (Context, CancelFunc) {
	child := ctx.derive()
	return child, func() {
		if child.scope.canceled {
			return
		}
		ctx.env().MayChange("cancel anything")
		child.scope.cancel("canceled")
	}
}

// WithTimeout is like [WithCancel], and also cancels after d of the run's time. The timer that this takes is disarmed by
// cancel, so call it when the work is done, as with package context.
func WithTimeout(ctx Context, d time.Duration) (Context, CancelFunc) {
	child, cancel := WithCancel(ctx)
	late := func() { child.scope.cancel("canceled after " + d.String()) }
	switch {
	case ctx.Err() != nil:
		return child, cancel
	case d <= 0:
		late()
		return child, cancel
	}
	timer := newTimer(ctx, d, func(err error) {
		if err == nil {
			ctx.env().AfterInputs(late)
		}
	})
	return child, func() {
		cancel()
		timer.Cancel()
	}
}

// Disconnected returns a context that is not cancelled with ctx. It is for what must be done after a cancellation, such as
// giving back what was reserved.
func Disconnected(ctx Context) Context {
	ctx.scope = &scope{}
	return ctx
}

func (ctx Context) derive() Context {
	child := &scope{}
	if parent := ctx.scope; parent.canceled {
		child.follow(parent)
	} else {
		forget := parent.onCancel(func() { child.follow(parent) })
		child.onCancel(forget)
	}
	ctx.scope = child
	return ctx
}

// scope is what is cancelled together.
type scope struct {
	canceled  bool
	reason    string
	failure   error           // in place of a cancellation; nil: it is one
	watchers  replay.Waitlist // coroutines that wait with a context of this scope
	callbacks list.List       // of func(), in the order in which they were added
}

// onCancel calls f on cancellation, unless forget is called before. The scope must not be cancelled.
func (s *scope) onCancel(f func()) (forget func()) {
	e := s.callbacks.PushBack(f)
	return func() { s.callbacks.Remove(e) }
}

func (s *scope) follow(parent *scope) {
	if !s.canceled {
		s.failure = parent.failure
	}
	s.cancel(parent.reason)
}

func (s *scope) cancel(reason string) {
	if s.canceled {
		return
	}
	s.canceled, s.reason = true, reason
	for e := s.callbacks.Front(); e != nil; e = s.callbacks.Front() {
		s.callbacks.Remove(e)
		e.Value.(func())() //nolint:forcetypeassert // nothing else is put in
	}
	s.watchers.WakeAll()
}
