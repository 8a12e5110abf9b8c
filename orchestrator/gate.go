package orchestrator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// gateLook is how old a look at the load may be, and gateNear how old when little is missing: nearGate is which part of what is
	// allowed. Nobody looks while nobody starts anything.
	gateLook = time.Second
	gateNear = gateLook / 10
	nearGate = 0.2
	// gateSlack is by which part the load must have sunk before a gate that was closed opens, so that it does not flutter.
	gateSlack = 0.05
)

// gate keeps new runs out while there is no room for them, for all shards of a node: the store is nearly full, or more waits than anybody
// should let wait. What runs that have begun need always passes. A gate that is nil is open.
type gate struct {
	look func(context.Context) (protocol.Load, error)
	log  *slog.Logger

	ctx   context.Context // ends with the node
	stop  context.CancelFunc
	looks sync.WaitGroup

	mu      sync.Mutex
	next    time.Time // when the next look is due
	looking bool
	load    protocol.Load
	closed  map[int]*protocol.Error // by shard
}

func newGate(look func(context.Context) (protocol.Load, error), log *slog.Logger) *gate {
	g := &gate{look: look, log: log, closed: make(map[int]*protocol.Error)}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

// refusal says why a new run of a shard is not taken; nil when it is. It does not wait: a look that is due is taken meanwhile.
func (g *gate) refusal(shard int) *protocol.Error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.looking && !time.Now().Before(g.next) && g.ctx.Err() == nil {
		g.looking = true
		g.looks.Go(g.see)
	}
	return g.closed[shard]
}

// end stops the looking.
func (g *gate) end() {
	g.mu.Lock()
	g.stop()
	g.mu.Unlock()
	g.looks.Wait()
}

func (g *gate) see() {
	ctx, cancel := context.WithTimeout(g.ctx, 5*time.Second)
	defer cancel()
	load, err := g.look(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next, g.looking = time.Now().Add(gateLook), false
	if err != nil && g.ctx.Err() == nil {
		g.log.Warn("what waits cannot be found out; whether new runs are taken stays as it was", "error", err)
	}
	if err != nil {
		return
	}
	g.load = load
	before := len(g.closed)
	for shard := range load.Inboxes {
		if load.Refusal(shard, nearGate) != nil {
			g.next = time.Now().Add(gateNear)
		}
		slack := 0.0
		if g.closed[shard] != nil {
			slack = gateSlack
		}
		delete(g.closed, shard)
		if why := load.Refusal(shard, slack); why != nil {
			g.closed[shard] = why
		}
	}
	g.tell(before)
}

// tell notes in the log that the gate was closed, or opened, for all shards or for some. The lock is held.
func (g *gate) tell(before int) {
	switch now := len(g.closed); {
	case before == 0 && now > 0:
		for _, why := range g.closed {
			g.log.Warn("NEW RUNS ARE REFUSED until there is room; those that have begun go on", "why", why.Message, "shards", now,
				"stored_mb", g.load.Stored>>20, "may_store_mb", g.load.MaxStored>>20, "tasks", g.load.Tasks.Messages)
			return
		}
	case before > 0 && now == 0:
		g.log.Info("new runs are taken again", "stored_mb", g.load.Stored>>20, "tasks", g.load.Tasks.Messages)
	}
}
