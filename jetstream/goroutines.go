package jetstream

import (
	"slices"
	"sync"
	"time"
)

const (
	// idleFor is how long a goroutine waits for more to do at most, and keepIdle how many of them do.
	idleFor  = 50 * time.Millisecond
	keepIdle = 256
)

// goroutines are used again. A fresh one begins with 2 KB of stack, and what a step needs makes it grow three times: each time everything
// on it is copied, which costs 2 to 4 us in all, as much as reading the step's message does.
//
// Those that have nothing to do wait without a timer of their own, which would cost as much again: somebody looks for all of them now and
// then.
type goroutines struct {
	mu      sync.Mutex
	idle    []chan func() // the one that has waited longest is the first, and the last to be used
	least   int           // how many of them nobody has had use for since the last look
	looking bool
}

// Go runs f on a goroutine.
func (g *goroutines) Go(f func()) {
	g.mu.Lock()
	last := len(g.idle) - 1
	if last < 0 {
		g.mu.Unlock()
		go g.run(f)
		return
	}
	next := g.idle[last]
	g.idle, g.least = g.idle[:last], min(g.least, last)
	g.mu.Unlock()
	next <- f
}

// run runs f, and then what comes until the channel is closed.
func (g *goroutines) run(f func()) {
	next := make(chan func(), 1)
	for ok := true; ok; f, ok = <-next {
		f()
		if !g.wait(next) {
			return
		}
	}
}

// wait has what comes next sent to a channel, unless enough others wait.
func (g *goroutines) wait(next chan func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.idle) >= keepIdle {
		return false
	}
	g.idle = append(g.idle, next)
	if !g.looking {
		g.looking, g.least = true, 0
		time.AfterFunc(idleFor/2, g.look)
	}
	return true
}

// look lets those go that nobody has had use for since the last look.
func (g *goroutines) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, next := range g.idle[:g.least] {
		close(next)
	}
	g.idle = slices.Delete(g.idle, 0, g.least)
	g.least, g.looking = len(g.idle), len(g.idle) > 0
	if g.looking {
		time.AfterFunc(idleFor/2, g.look)
	}
}
