package worker

import (
	"container/list"
	"sync"

	"github.com/millrace-dev/millrace/worker/replay"
)

// cache keeps runs in memory between their steps, up to a number; the one that was not used for longest goes first.
//
// A run belongs to whoever took it out: it is not in the cache while it takes a step, so no two goroutines can step it, and
// evicting one never waits for user code.
type cache struct {
	size int

	mu     sync.Mutex
	runs   map[string]*list.Element
	order  *list.List // of *cached, most recently used first
	closed bool
}

// cached is a run and the nonce of the step that left it as it is.
type cached struct {
	id    string
	run   *replay.Run
	nonce string
}

func newCache(size int) *cache {
	return &cache{size: size, runs: make(map[string]*list.Element), order: list.New()}
}

// take removes a run from the cache; nil when it is not there.
func (c *cache) take(id string) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.runs[id]
	if !ok {
		return nil
	}
	delete(c.runs, id)
	return c.order.Remove(e).(*cached) //nolint:forcetypeassert // only put adds
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
	if e, ok := c.runs[r.id]; ok {
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
