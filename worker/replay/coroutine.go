package replay

import "iter"

// coroutine is one line of workflow code. Coroutines run one at a time and switch only where they wait.
type coroutine struct {
	resume func() (struct{}, bool)
	yield  func(struct{}) bool
	slot   int // in scheduler.live, or -1 when it has ended
	queued bool
	began  bool
	// refused counts the waits that were refused while the coroutine was unwound.
	refused int
}

// scheduler runs the coroutines of a run in the order in which they became ready.
type scheduler struct {
	live     []*coroutine
	ready    []*coroutine // a queue: head is the next one
	head     int
	current  *coroutine
	arrivals uint64   // counts waits
	polling  Waitlist // coroutines that wait for a condition of their own: see [Env.Poll]
	// idle is set by a coroutine that was woken, found nothing to do and waits again.
	idle      bool
	unwinding bool
	trace     *[]uintptr // when set, a coroutine that is switched to only notes where it waits
}

// unwound is what a wait panics with when the run is given up, so that deferred calls run.
type unwound struct{}

// maxRefused is how often a coroutine may recover from being unwound before it is left where it is: a loop that recovers
// every panic would never end otherwise.
const maxRefused = 100

// spawn makes a coroutine that begins when its turn comes.
func (r *Run) spawn(f func()) {
	if r.sched.unwinding {
		return
	}
	r.mayChange("start a coroutine")
	c := &coroutine{slot: len(r.sched.live)}
	r.sched.live = append(r.sched.live, c)
	c.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
		makeRoom(0)
		c.yield = yield
		r.body(c, f)
	})
	r.wake(c)
}

// makeRoom makes the coroutine's stack as large as workflow code needs it: a fresh one has 2 KB and is doubled again and again, and each
// time what is on it must be adjusted, in all 6 us for a run. Here nothing is on it yet. The collector takes back what is not used.
//
//go:noinline
func makeRoom(i int) byte {
	var room [8 << 10]byte
	return room[i]
}

// body runs f and keeps every way in which it can end from reaching the scheduler's caller.
func (r *Run) body(c *coroutine, f func()) {
	c.began = true
	returned := false
	defer func() {
		p := recover()
		if _, ours := p.(unwound); p != nil && !ours && !r.sched.unwinding {
			r.panicked(p)
		}
		r.bury(c)
		if p == nil && !returned {
			// runtime.Goexit cannot be recovered and iter.Pull would hand it to our caller. It stays in here.
			r.failf("the workflow's code called runtime.Goexit")
			c.leave()
		}
	}()
	if !r.sched.unwinding {
		f()
	}
	returned = true
}

// bury removes an ended coroutine from the living.
func (r *Run) bury(c *coroutine) {
	if c.slot < 0 {
		return
	}
	s := &r.sched
	last := len(s.live) - 1
	s.live[c.slot] = s.live[last]
	s.live[c.slot].slot = c.slot
	s.live[last] = nil
	s.live = s.live[:last]
	c.slot = -1
}

// wake queues a coroutine that waits. Waking it again before it runs changes nothing.
func (r *Run) wake(c *coroutine) {
	if c.queued || c.slot < 0 {
		return
	}
	c.queued = true
	r.sched.ready = append(r.sched.ready, c)
}

// drain runs the code until every coroutine waits, the program has returned or something panicked.
func (r *Run) drain() {
	s := &r.sched
	for {
		progress := false
		for s.head < len(s.ready) && !r.closed && r.broken == nil {
			c := s.ready[s.head]
			s.ready[s.head] = nil
			s.head++
			c.queued = false
			s.idle = false
			r.enter(c)
			progress = progress || !s.idle
		}
		if s.head == len(s.ready) {
			s.ready, s.head = s.ready[:0], 0
		}
		if !progress || r.closed || r.broken != nil {
			return
		}
		s.polling.WakeAll()
	}
}

// enter switches to a coroutine until it waits or ends.
func (r *Run) enter(c *coroutine) {
	r.sched.current = c
	c.resume()
	r.sched.current = nil
}

// running is the coroutine that runs now.
func (r *Run) running() *coroutine {
	if r.sched.current == nil {
		panic("a workflow Context was used outside of its workflow: use workflow.Go instead of go, and no Context in activities")
	}
	return r.sched.current
}

// park switches back to the scheduler until the running coroutine is woken.
func (r *Run) park(c *coroutine) {
	if !r.sched.unwinding {
		c.yield(struct{}{})
	}
	for r.sched.trace != nil && !r.sched.unwinding {
		r.sched.note()
		c.yield(struct{}{})
	}
	if r.sched.unwinding {
		r.refuse(c)
	}
}

// refuse unwinds the coroutine that wanted to wait.
func (r *Run) refuse(c *coroutine) {
	if c.refused++; c.refused > maxRefused {
		c.leave()
	}
	panic(unwound{})
}

// leave parks a coroutine that cannot be ended, for good. Its goroutine is the price for a worker that lives on.
func (c *coroutine) leave() {
	for {
		c.yield(struct{}{})
	}
}

// unwind ends every coroutine. It resumes them instead of calling iter.Pull's stop because one that recovers from being
// unwound can then still be left: a stopped one can never switch back.
func (r *Run) unwind() {
	s := &r.sched
	s.unwinding = true
	for n := len(s.live); n > 0; n = len(s.live) {
		c := s.live[n-1]
		r.enter(c)
		r.bury(c)
	}
	*s = scheduler{unwinding: true}
}
