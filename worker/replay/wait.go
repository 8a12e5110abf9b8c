package replay

// Waitlist is where coroutines wait for something to happen, first come, first served. The zero value is empty.
type Waitlist struct{ first, last *waiter }

// waiter is a coroutine's place in one list. A coroutine that waits for several things has one in each list.
type waiter struct {
	run        *Run
	coroutine  *coroutine
	list       *Waitlist // nil when it was taken out
	prev, next *waiter
	alone      bool // woken by WakeOne
}

// Await blocks the calling coroutine until ready reports true. It asks at once, and again whenever one of the lists is
// woken; it never polls. ready must not block.
func (e *Env) Await(ready func() bool, on ...*Waitlist) {
	if ready() {
		return
	}
	r := e.run
	places := make([]waiter, len(on))
	for i, list := range on {
		places[i] = waiter{run: r, coroutine: r.sched.current}
		list.append(&places[i])
	}
	for {
		r.park()
		if ready() {
			break
		}
		r.sched.idle = true
		for i, list := range on {
			list.rejoin(&places[i])
		}
	}
	for i, list := range on {
		list.leave(&places[i])
	}
}

// Poll is like [Env.Await] for a condition that nothing announces: it is asked again each time that other code ran.
func (e *Env) Poll(ready func() bool, on ...*Waitlist) {
	e.Await(ready, append(on, &e.run.sched.polling)...)
}

// WakeAll wakes every coroutine in the list and empties it.
func (l *Waitlist) WakeAll() {
	for w := l.first; w != nil; w = l.first {
		l.remove(w)
		w.run.wake(w.coroutine)
	}
}

// WakeOne wakes the coroutine that has waited longest. If that one turns out to be busy with something else, it passes
// the call on to the next when it leaves; so one value needs one WakeOne, however many wait.
func (l *Waitlist) WakeOne() {
	if w := l.first; w != nil {
		l.remove(w)
		w.alone = true
		w.run.wake(w.coroutine)
	}
}

func (l *Waitlist) append(w *waiter) {
	w.list, w.prev, w.next = l, l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (l *Waitlist) prepend(w *waiter) {
	w.list, w.prev, w.next = l, nil, l.first
	if l.first == nil {
		l.last = w
	} else {
		l.first.prev = w
	}
	l.first = w
}

// rejoin puts a waiter that was woken for nothing back in line: at the front when it alone was called.
func (l *Waitlist) rejoin(w *waiter) {
	switch {
	case w.list != nil:
	case w.alone:
		w.alone = false
		l.prepend(w)
	default:
		l.append(w)
	}
}

// leave takes a waiter out for good and passes on a call that was meant for one.
func (l *Waitlist) leave(w *waiter) {
	switch {
	case w.list != nil:
		l.remove(w)
	case w.alone:
		l.WakeOne()
	}
}

func (l *Waitlist) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.list, w.prev, w.next = nil, nil, nil
}
