package replay

// Waitlist is where coroutines wait for something to happen, first come, first served. The zero value is empty.
type Waitlist struct{ first, last *waiter }

// waiter is a coroutine's place in one list. A coroutine that waits for several things has one in each list.
type waiter struct {
	run        *Run
	coroutine  *coroutine
	since      uint64    // when it came, in arrivals
	list       *Waitlist // nil when it was taken out
	prev, next *waiter
	alone      bool // taken out by WakeOne
}

// Await blocks the calling coroutine until ready reports true. It asks at once, and again whenever one of the lists is
// woken; it never polls. ready must not block.
func (e *Env) Await(ready func() bool, on ...*Waitlist) {
	if ready() {
		return
	}
	r := e.run
	r.mayChange("wait")
	c := r.running()
	places := make([]waiter, len(on))
	r.sched.arrivals++
	for i, list := range on {
		places[i] = waiter{run: r, coroutine: c, since: r.sched.arrivals}
		list.insertAfter(list.last, &places[i])
	}
	for {
		r.park(c)
		if ready() {
			break
		}
		r.sched.idle = true
		for i, list := range on {
			list.rejoin(&places[i])
		}
	}
	for i := range places {
		if list := places[i].list; list != nil {
			list.remove(&places[i])
		}
	}
}

// Poll is like [Env.Await] for a condition that nothing announces: it is asked again each time that other code ran.
func (e *Env) Poll(ready func() bool, on ...*Waitlist) {
	e.Await(ready, append(on, &e.run.sched.polling)...)
}

// WakeAll wakes every coroutine in the list and empties it.
func (l *Waitlist) WakeAll() {
	for w := l.first; w != nil; w = l.first {
		w.run.mayChange("let other code go on")
		l.remove(w)
		w.run.wake(w.coroutine)
	}
}

// WakeOne wakes the coroutine that has waited longest, for a thing that only one can take. A coroutine that was woken so
// and does not take the thing calls WakeOne for it again. One that finds it taken goes back to its place in line.
func (l *Waitlist) WakeOne() {
	if w := l.first; w != nil {
		w.run.mayChange("let other code go on")
		l.remove(w)
		w.alone = true
		w.run.wake(w.coroutine)
	}
}

// rejoin puts a waiter that was woken for nothing back to its place: near the front when it alone was called, and near the
// end when everybody was and comes back in order.
func (l *Waitlist) rejoin(w *waiter) {
	if w.list != nil {
		return
	}
	before := l.last
	if w.alone {
		before = nil
		for next := l.first; next != nil && next.since < w.since; next = next.next {
			before = next
		}
		w.alone = false
	} else {
		for before != nil && before.since > w.since {
			before = before.prev
		}
	}
	l.insertAfter(before, w)
}

// insertAfter puts w behind another waiter, or at the front when that is nil.
func (l *Waitlist) insertAfter(before, w *waiter) {
	w.list, w.prev = l, before
	if before == nil {
		w.next, l.first = l.first, w
	} else {
		w.next, before.next = before.next, w
	}
	if w.next == nil {
		l.last = w
	} else {
		w.next.prev = w
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
