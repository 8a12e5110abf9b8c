package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// lookEvery is how often a node asks the others for a sign of life, and lookAlone how often it looks around when
	// there are none. Joins, leaves and hand-overs are announced; looking is for those that can announce nothing, and an
	// idle node should be idle.
	lookEvery = time.Second
	lookAlone = time.Hour
	// misses is how many times in a row a node must fail to answer before its shards are taken, and lookAgain the time
	// between: one failure may be a connection that is being set up again. Taking too early is safe but wasteful.
	misses    = 2
	lookAgain = 200 * time.Millisecond
	// handOver is how long the steps under way may take when a shard is given up.
	handOver = 5 * time.Second
)

// node decides which shards this process works on. Leases and pings are about locality only: that two nodes believe they
// own a shard is a waste of work, never a danger, because every append is a compare-and-set.
type node struct {
	self  protocol.Node
	ns    protocol.Namespace
	store Store
	log   *slog.Logger

	rows   *rows
	gate   *gate
	time   *timekeeper
	pulse  *pulse
	work   context.Context // of the shards
	missed map[string]int
	heirs  []string              // the other nodes that take shards
	news   chan struct{}         // something has happened: look around
	quit   func(context.Context) // takes back that this node has joined; nil when it has not

	mu      sync.Mutex
	shards  map[int]*ownedShard
	moving  map[int]chan struct{} // closed when it ends, for shards that are being taken, or given up, and are not among the others
	moves   sync.WaitGroup
	leaving bool
}

func newNode(self protocol.Node, ns protocol.Namespace, store Store, log *slog.Logger) *node {
	log = log.With("node", self.ID)
	return &node{
		self: self, ns: ns, store: store, log: log, rows: newRows(store, log),
		gate: newGate(store.Load, log), time: newTimekeeper(store.Time, log),
		shards: make(map[int]*ownedShard), moving: make(map[int]chan struct{}), missed: make(map[string]int), news: make(chan struct{}, 1),
	}
}

// run joins the other nodes, works until ctx ends, and leaves. ready is called once the node has its shards.
func (n *node) run(ctx context.Context, ready func(error)) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer n.rows.stop()
	defer n.gate.end()
	defer n.time.end()
	n.pulse = newPulse(n.hear)
	defer n.pulse.end()
	n.rows.pulse = n.pulse
	n.time.check(ctx)
	n.work = work
	unlisten, err := n.store.News(n.hear)
	if err != nil {
		ready(err)
		return
	}
	defer unlisten()
	if err := n.join(ctx); err != nil {
		ready(err)
		return
	}
	alone, err := n.rebalance(work)
	ready(err)
	for err == nil && ctx.Err() == nil {
		n.wait(ctx, alone)
		if ctx.Err() != nil {
			break
		}
		var failed error
		if alone, failed = n.rebalance(work); failed != nil {
			n.log.Warn("could not look after the shards; trying again", "error", failed)
			alone = false
		}
	}
	n.leave()
}

// join announces this node, once more if need be.
func (n *node) join(ctx context.Context) (err error) {
	if n.quit != nil {
		n.quit(ctx)
	}
	n.quit, err = n.store.Join(ctx, n.self, n.take)
	return err
}

// hear has the node look around.
func (n *node) hear() {
	select {
	case n.news <- struct{}{}:
	default:
	}
}

func (n *node) wait(ctx context.Context, alone bool) {
	pause := lookEvery
	switch {
	case len(n.missed) > 0:
		pause = lookAgain
	case alone:
		pause = lookAlone
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-n.news:
	case <-t.C:
	}
}

// leave gives every shard up in good order, so that the others take over without waiting. They hear of it first, so that none of them takes
// this node for one to hand shards to; nor do they take shards of a node that is there.
func (n *node) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), handOver)
	defer cancel()
	n.self.Leaving = true
	if err := n.store.Announce(ctx, n.self); err != nil {
		n.log.Debug("the others do not know that this node leaves", "error", err)
	}
	n.giveAll(ctx)
	n.moves.Wait()
	n.giveAll(ctx) // what was on its way to this node
	if n.quit != nil {
		n.quit(ctx)
	}
}

// rebalance compares who should own what with who does. It reports whether this node is alone.
func (n *node) rebalance(ctx context.Context) (alone bool, err error) {
	doubts, began := n.pulse.doubt(), time.Now()
	leases, err := n.store.Leases(ctx)
	if err != nil {
		return false, err
	}
	live, err := n.live(ctx, leases)
	if err != nil {
		return false, err
	}
	server, err := n.store.Server(ctx)
	if err != nil {
		return false, err
	}
	n.outlive(server)
	owners := assign(n.store.Shards(), append([]string{n.self.ID}, n.heirs...))
	failed := make([]error, len(owners))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for id, owner := range owners {
		g.Go(func() error {
			failed[id] = n.settle(ctx, id, owner, leases[id], live, began)
			return nil
		})
	}
	_ = g.Wait() // the errors are those that failed has
	err = errors.Join(failed...)
	if doubts > 0 {
		err = errors.Join(err, n.recover())
	}
	if err == nil {
		n.pulse.trust(doubts)
	}
	if alone = len(live) == 1; alone {
		n.pulse.speak(nil)
	} else {
		n.pulse.speak(func() bool { return n.store.Alive(ctx, n.self.ID) })
	}
	return alone, err
}

// live returns the nodes that answer, this one included, notes those that take shards, and removes the announcements of those that have not
// answered for a while. A node that stood still finds its own removed and announces itself again: the others would neither give it shards
// nor miss it, and those who are all unknown to each other believe that they are alone, and hardly look.
func (n *node) live(ctx context.Context, leases map[int]protocol.HeldLease) (map[string]bool, error) {
	nodes, err := n.store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	known := slices.ContainsFunc(nodes, func(other protocol.Node) bool { return other.ID == n.self.ID })
	if gone := n.miss(n.self.ID, known); gone {
		n.log.Warn("the others took this node for dead; it announces itself again")
		if err := n.join(ctx); err != nil {
			return nil, err
		}
	}
	nodes = slices.DeleteFunc(withOwners(nodes, leases), func(other protocol.Node) bool { return other.ID == n.self.ID })
	alive := make([]bool, len(nodes))
	var asking sync.WaitGroup
	for i, other := range nodes {
		asking.Go(func() { alive[i] = n.store.Alive(ctx, other.ID) })
	}
	asking.Wait()
	live := map[string]bool{n.self.ID: true}
	n.heirs = nil
	for i, other := range nodes {
		if gone := n.miss(other.ID, alive[i]); gone {
			n.log.Warn("a node is gone; its shards will be taken", "gone", other.ID)
			if err := n.store.Forget(ctx, other.ID); err != nil {
				return nil, err
			}
			continue
		}
		live[other.ID] = true
		if !other.Leaving {
			n.heirs = append(n.heirs, other.ID)
		}
	}
	return live, nil
}

// withOwners adds those that have a shard and are not announced. Announcements are read from whichever copy of the bucket answers, and one
// that a NATS server has just begun to make, because its disk is new, knows none of them. Who took that for the truth would take the shards
// of a node that writes to them at this moment. Whoever is not announced is given none.
func withOwners(nodes []protocol.Node, leases map[int]protocol.HeldLease) []protocol.Node {
	for _, l := range leases {
		known := func(n protocol.Node) bool { return n.ID == l.Node }
		if l.Node != "" && !slices.ContainsFunc(nodes, known) {
			nodes = append(nodes, protocol.Node{ID: l.Node, Leaving: true})
		}
	}
	return nodes
}

// miss notes whether a node has answered, and reports whether it has not for so long that it is gone.
func (n *node) miss(id string, alive bool) (gone bool) {
	if alive {
		delete(n.missed, id)
		return false
	}
	if n.missed[id]++; n.missed[id] < misses {
		return false // benefit of the doubt
	}
	delete(n.missed, id)
	return true
}
