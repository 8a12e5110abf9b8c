package orchestrator

import (
	"container/heap"
	"sync"
	"time"
)

// horizon is how far ahead the clock looks. A later deadline is left to the timers stream alone, which costs this node no memory.
const horizon = time.Minute

// soonest is how long what is due waits at least: whoever has it done comes to rest before, where the simulation plays.
const soonest = time.Nanosecond

// clock rings near deadlines from memory, on time, and passes on what was held until it is due. Every deadline also lies in the timers
// stream, where it survives; whichever comes second finds nothing to do. One clock serves one shard.
type clock struct {
	ring func(alarm)
	now  func() time.Time

	mu      sync.Mutex
	alarms  alarms
	byKey   map[string]*alarm
	timer   *time.Timer
	stopped bool
}

// alarm is a deadline of a workflow. Setting another under the same key replaces it.
type alarm struct {
	at       time.Time
	key      string
	workflow string
	retry    any   // what rings along; nil for the workflow's own wake-up
	held     *item // a wake-up that came before its time, instead of workflow and retry
	index    int
}

func newClock(ring func(alarm), now func() time.Time) *clock {
	return &clock{ring: ring, now: now, byKey: make(map[string]*alarm)}
}

// set arms an alarm if it is near, replacing the one under its key.
func (c *clock) set(a alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	old, replaced := c.byKey[a.key]
	if replaced {
		heap.Remove(&c.alarms, old.index)
		delete(c.byKey, a.key)
	}
	remembered := !a.at.IsZero() && a.at.Sub(c.now()) <= horizon
	if remembered {
		own := a
		heap.Push(&c.alarms, &own)
		c.byKey[a.key] = &own
	}
	if replaced || remembered {
		c.arm()
	}
}

// arm sets the one Go timer to the first alarm.
func (c *clock) arm() {
	if len(c.alarms) == 0 {
		if c.timer != nil {
			c.timer.Stop()
		}
		return
	}
	wait := max(c.alarms[0].at.Sub(c.now()), soonest)
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.tick)
		return
	}
	c.timer.Reset(wait)
}

// tick rings what is due.
func (c *clock) tick() {
	c.mu.Lock()
	var due []alarm
	now := c.now()
	for len(c.alarms) > 0 && !c.alarms[0].at.After(now) && !c.stopped {
		a := heap.Pop(&c.alarms).(*alarm) //nolint:forcetypeassert // only set pushes
		delete(c.byKey, a.key)
		due = append(due, *a)
	}
	if !c.stopped {
		c.arm()
	}
	c.mu.Unlock()
	for _, a := range due {
		c.ring(a)
	}
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.timer != nil {
		c.timer.Stop()
	}
}

// alarms is a heap by time.
type alarms []*alarm

func (h alarms) Len() int           { return len(h) }
func (h alarms) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *alarms) Push(x any) {
	a := x.(*alarm) //nolint:forcetypeassert // only set pushes
	a.index = len(*h)
	*h = append(*h, a)
}

// Pop implements heap.Interface.
func (h *alarms) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
