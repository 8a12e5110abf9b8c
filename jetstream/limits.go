package jetstream

import (
	"sync"
	"time"
)

// limits lends out the timers that limit waits. Nearly every wait ends before its time, and a new timer for each would cost three
// allocations.
type limits struct{ timers sync.Pool }

// start begins a wait of at most d. The timer must be given back to stop.
func (l *limits) start(d time.Duration) *time.Timer {
	if t, ok := l.timers.Get().(*time.Timer); ok {
		t.Reset(d)
		return t
	}
	return time.NewTimer(d)
}

func (l *limits) stop(t *time.Timer) {
	t.Stop() // from here on nothing is received from it
	l.timers.Put(t)
}
