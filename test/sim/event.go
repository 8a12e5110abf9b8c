package sim

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// event is something that can happen next: a message that arrives, an answer that is heard, a timer that goes off.
type event struct {
	what string    // for the trace, and for the order among those that came at one time
	at   time.Time // not before
	lane string    // events of one lane happen in the order in which they were made; empty: in any order
	node *node     // whose it is; nil: no node's
	wire bool      // it has left its node: should that die, it may still arrive
	do   func()
	n    int       // counts the events
	came time.Time // when it was submitted
}

// agenda holds what can happen next. Everything that nodes ask for comes through it, from their goroutines; everything else from the one
// that drives the world.
type agenda struct {
	queue []*event
	n     int
	rng   *rand.Rand

	mu      sync.Mutex
	came    []*event
	wake    chan struct{}
	jostled bool // see [Scenario]
}

func newAgenda(rng *rand.Rand) agenda { return agenda{rng: rng, wake: make(chan struct{}, 1)} }

// submit is for the goroutines of nodes.
func (a *agenda) submit(e *event) {
	a.jostle()
	a.mu.Lock()
	e.came = time.Now()
	a.came = append(a.came, e)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// jostle has the goroutine that runs wait for others, now and then.
func (a *agenda) jostle() {
	if a.jostled {
		for range rand.IntN(10) { // the seed has nothing to do with it
			runtime.Gosched()
		}
	}
}

func (a *agenda) add(e *event) {
	a.n++
	e.n = a.n
	a.queue = append(a.queue, e)
}

// collect takes what was submitted since the last time, in an order that does not depend on which goroutine ran first: all of them have
// come to rest. So whatever is submitted must say all that tells it from what other goroutines may submit at the same time.
func (a *agenda) collect() {
	a.mu.Lock()
	came := a.came
	a.came = nil
	a.mu.Unlock()
	if a.jostled {
		slices.Reverse(came)
	}
	slices.SortStableFunc(came, func(x, y *event) int {
		return cmp.Or(x.came.Compare(y.came), cmp.Compare(x.what, y.what))
	})
	for _, e := range came {
		a.add(e)
	}
}

// pick removes one of the events that can happen now; nil when there is none. next is when the first one can, if none can now.
func (a *agenda) pick(now time.Time) (e *event, next time.Time) {
	var lanes [8]string // those that are taken by an earlier event
	taken := lanes[:0]
	var ready []int
	for i, e := range a.queue {
		if e.lane != "" {
			if slices.Contains(taken, e.lane) {
				continue
			}
			taken = append(taken, e.lane)
		}
		if e.at.After(now) {
			if next.IsZero() || e.at.Before(next) {
				next = e.at
			}
			continue
		}
		ready = append(ready, i)
	}
	if len(ready) == 0 {
		return nil, next
	}
	i := ready[0]
	if len(ready) > 1 {
		i = ready[a.rng.IntN(len(ready))]
	}
	e = a.queue[i]
	a.queue = slices.Delete(a.queue, i, i+1)
	return e, time.Time{}
}
