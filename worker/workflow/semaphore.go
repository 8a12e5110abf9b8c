package workflow

import (
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/worker/replay"
)

// Semaphore lets coroutines of a run share a number of places, first come, first served: one that wants many places is not
// overtaken by those that want few.
type Semaphore struct {
	size, free int
	queue      []*turn
}

// turn is a coroutine that waits for places, and whether it has got them.
type turn struct {
	n       int
	granted bool
	waiting replay.Waitlist
}

// NewSemaphore returns a semaphore with size places, all of them free.
func NewSemaphore(size int) *Semaphore { return &Semaphore{size: size, free: size} }

// Acquire takes n places and waits for them if need be. It returns an error, and takes none, when the semaphore has fewer in all;
// when ctx is cancelled before, the error matches [ErrCanceled].
func (s *Semaphore) Acquire(ctx Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx.env().MayChange("take places of a semaphore")
	if n < 0 || n > s.size {
		return fmt.Errorf("%d places of a semaphore that has %d", n, s.size)
	}
	if s.TryAcquire(n) {
		return nil
	}
	t := &turn{n: n}
	s.queue = append(s.queue, t)
	err := ctx.await(func() bool { return t.granted }, &t.waiting)
	if err != nil {
		s.queue = slices.DeleteFunc(s.queue, func(other *turn) bool { return other == t })
		s.grant() // those behind may want less
	}
	return err
}

// TryAcquire takes n places if they are free and nobody waits, and reports whether it did.
func (s *Semaphore) TryAcquire(n int) bool {
	if n < 0 || n > s.free || len(s.queue) > 0 {
		return false
	}
	s.free -= n
	return true
}

// Release gives n places back. Giving back more than were taken panics.
func (s *Semaphore) Release(n int) {
	if n < 0 || s.free+n > s.size {
		panic(fmt.Sprintf("workflow: %d places are given back to a semaphore of which %d are taken", n, s.size-s.free))
	}
	s.free += n
	s.grant()
}

func (s *Semaphore) grant() {
	for len(s.queue) > 0 && s.queue[0].n <= s.free {
		t := s.queue[0]
		s.queue = s.queue[1:]
		s.free -= t.n
		t.granted = true
		t.waiting.WakeAll()
	}
}

// Mutex lets one coroutine of a run in at a time, first come, first served. Only code that waits while it holds something needs one:
// coroutines switch nowhere else. The zero value is unlocked.
type Mutex struct{ places *Semaphore }

// Lock locks the mutex and waits for it if need be. When ctx is cancelled before, it returns an error that matches [ErrCanceled].
func (m *Mutex) Lock(ctx Context) error { return m.semaphore().Acquire(ctx, 1) }

// TryLock locks the mutex if nobody holds it or waits for it, and reports whether it did.
func (m *Mutex) TryLock() bool { return m.semaphore().TryAcquire(1) }

// Unlock hands the mutex to who has waited longest. Unlocking one that is not locked panics.
func (m *Mutex) Unlock() { m.semaphore().Release(1) }

func (m *Mutex) semaphore() *Semaphore {
	if m.places == nil {
		m.places = NewSemaphore(1)
	}
	return m.places
}

// WaitGroup counts what goes on and waits until nothing does. See [Group] for coroutines that may fail. The zero value counts nothing.
type WaitGroup struct {
	n       int
	waiting replay.Waitlist
}

// Add adds delta, which may be negative, to the count. A count below zero panics.
func (g *WaitGroup) Add(delta int) {
	if g.n += delta; g.n < 0 {
		panic("workflow: the count of a WaitGroup is below zero")
	}
	if g.n == 0 {
		g.waiting.WakeAll()
	}
}

// Done takes one off the count.
func (g *WaitGroup) Done() { g.Add(-1) }

// Wait waits until the count is zero. When ctx is cancelled before, it returns an error that matches [ErrCanceled].
func (g *WaitGroup) Wait(ctx Context) error {
	return ctx.await(func() bool { return g.n == 0 }, &g.waiting)
}
