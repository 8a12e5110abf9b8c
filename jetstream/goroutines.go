package jetstream

import (
	"sync/atomic"
	"time"
)

const (
	// idleFor is how long a goroutine waits for more to do, and keepIdle how many of them do.
	idleFor  = 50 * time.Millisecond
	keepIdle = 256
)

// goroutines are used again. A fresh one begins with 2 KB of stack, and what a step needs makes it grow three times: each time everything
// on it is copied, which costs 2 to 4 us in all, as much as reading the step's message does.
type goroutines struct {
	next chan func()
	idle atomic.Int32
}

// Go runs f on a goroutine.
func (g *goroutines) Go(f func()) {
	select {
	case g.next <- f:
	default:
		go g.run(f)
	}
}

func (g *goroutines) run(f func()) {
	f()
	if g.idle.Add(1) > keepIdle {
		g.idle.Add(-1)
		return
	}
	wait := time.NewTimer(idleFor)
	defer wait.Stop()
	for {
		select {
		case f = <-g.next:
			g.idle.Add(-1)
			f()
			g.idle.Add(1)
			wait.Reset(idleFor)
		case <-wait.C:
			g.idle.Add(-1)
			return
		}
	}
}
