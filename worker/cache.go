package worker

import (
	"container/list"
	"context"
	"sync"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// cache keeps runs in memory between their steps, up to a number; the one that was not used for longest goes first.
//
// A run belongs to whoever took it out: it is not in the cache while it takes a step or answers a query, so no two goroutines can use
// it, and evicting one never waits for user code. Who wants it meanwhile waits for it to come back: without that, every query would make
// the next step replay the whole history.
type cache struct {
	size int

	mu     sync.Mutex
	runs   map[string]*list.Element
	order  *list.List               // of *cached, most recently used first
	out    map[string]chan struct{} // runs that were taken out; closed when they are done with
	closed bool

	overtaken uint64 // how often the worker was told that a run has gone on elsewhere
}

// cached is a run of a type, and the nonce of the step that left it as it is. Nobody has asked for that step when it was foreseen.
type cached struct {
	id       string
	run      *replay.Run
	nonce    string
	kind     string
	foreseen bool

	// heard is the stretch in which the worker has heard all that it was sent since before it answered for the step: if the run has gone
	// on elsewhere, it was told. The zero value says that it may not have been.
	heard protocol.Hearing
	lent  bool   // it was taken out and is to come back as it was
	asOf  uint64 // how often the worker had been told, then
}

func newCache(size int) *cache {
	return &cache{size: size, runs: make(map[string]*list.Element), order: list.New(), out: make(map[string]chan struct{})}
}

// take removes a run from the cache; nil when it is not there. It waits for whoever took the run out before, until ctx ends. done must be
// called when the run was put back or given up.
func (c *cache) take(ctx context.Context, id string) (run *cached, done func()) {
	for {
		run, done, busy := c.tryTake(id)
		if busy == nil {
			return run, done
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, func() {}
		}
	}
}

// tryTake takes a run out, or returns what is closed when whoever has it is done.
func (c *cache) tryTake(id string) (run *cached, done func(), busy <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if busy, taken := c.out[id]; taken {
		return nil, nil, busy
	}
	back := make(chan struct{})
	c.out[id] = back
	return c.remove(id), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.out[id] == back { // it may be called more than once
			delete(c.out, id)
			close(back)
		}
	}, nil
}

func (c *cache) remove(id string) *cached {
	e, ok := c.runs[id]
	if !ok {
		return nil
	}
	delete(c.runs, id)
	run := c.order.Remove(e).(*cached) //nolint:forcetypeassert // only put adds
	run.lent, run.asOf = true, c.overtaken
	return run
}

// overtake forgets a run that goes on without its cached state, unless it was left by the step of this nonce. If it is taken out, whoever
// has it may bring it back long after, as it was: of no run that was out meanwhile is it said any more that the worker would know better.
// What was forgotten is to be closed.
func (c *cache) overtake(id, unless string) (old *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overtaken++
	if e, ok := c.runs[id]; ok && e.Value.(*cached).nonce != unless { //nolint:forcetypeassert // only add adds
		return c.remove(id)
	}
	return nil
}

// put gives a run to the cache, in place of any older one of the same ID. Runs that fall out are closed here, which unwinds
// their coroutines.
func (c *cache) put(r *cached) {
	for _, old := range c.add(r) {
		old.run.Close()
	}
}

func (c *cache) add(r *cached) (out []*cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.size <= 0 {
		return []*cached{r}
	}
	e, there := c.runs[r.id]
	if r.lent && there {
		return []*cached{r} // whoever had it kept it for so long that its next step was taken without it
	}
	if r.lent && r.asOf != c.overtaken {
		r.heard = protocol.Hearing{}
	}
	r.lent = false
	if there {
		out = append(out, c.order.Remove(e).(*cached)) //nolint:forcetypeassert // only add adds
	}
	c.runs[r.id] = c.order.PushFront(r)
	for c.order.Len() > c.size {
		old := c.order.Remove(c.order.Back()).(*cached) //nolint:forcetypeassert // only add adds
		delete(c.runs, old.id)
		out = append(out, old)
	}
	return out
}

// close empties the cache for good.
func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	runs := c.runs
	c.runs = nil
	c.mu.Unlock()
	for _, e := range runs {
		e.Value.(*cached).run.Close() //nolint:forcetypeassert // only add adds
	}
}
