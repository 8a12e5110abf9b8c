package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	shards map[int]*ownedShard
	missed map[string]int
	news   chan struct{}         // something has happened: look around
	quit   func(context.Context) // takes back that this node has joined; nil when it has not
}

// ownedShard is a shard that this node works on, and the revision of its lease.
type ownedShard struct {
	*shard
	revision uint64
	stale    *atomic.Bool // it is to be taken anew
}

func newNode(self protocol.Node, ns protocol.Namespace, store Store, log *slog.Logger) *node {
	log = log.With("node", self.ID)
	return &node{
		self: self, ns: ns, store: store, log: log, rows: newRows(store, log),
		gate: newGate(store.Load, log), time: newTimekeeper(store.Time, log),
		shards: make(map[int]*ownedShard), missed: make(map[string]int), news: make(chan struct{}, 1),
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
	n.quit, err = n.store.Join(ctx, n.self)
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

// leave gives every shard up in good order, so that the others take over without waiting.
func (n *node) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), handOver)
	defer cancel()
	if n.quit != nil {
		n.quit(ctx)
	}
	var all sync.WaitGroup
	for id, s := range n.shards {
		all.Go(func() { n.yield(ctx, id, s) })
	}
	all.Wait()
}

func (n *node) yield(ctx context.Context, id int, s *ownedShard) {
	s.stop(ctx)
	if err := n.store.Yield(ctx, id, s.revision); err != nil && !errors.Is(err, protocol.ErrConflict) {
		n.log.Warn("a lease could not be given up; it will be taken", "shard", id, "error", err)
	}
}

// rebalance compares who should own what with who does. It reports whether this node is alone.
func (n *node) rebalance(ctx context.Context) (alone bool, err error) {
	doubts := n.pulse.doubt()
	live, err := n.live(ctx)
	if err != nil {
		return false, err
	}
	leases, err := n.store.Leases(ctx)
	if err != nil {
		return false, err
	}
	owners := assign(n.store.Shards(), slices.Sorted(maps.Keys(live)))
	var errs []error
	for id, owner := range owners {
		errs = append(errs, n.settle(ctx, id, owner, leases[id], live))
	}
	if doubts > 0 {
		errs = append(errs, n.recover())
	}
	if err = errors.Join(errs...); err == nil {
		n.pulse.trust(doubts)
	}
	if alone = len(live) == 1; alone {
		n.pulse.speak(nil)
	} else {
		n.pulse.speak(func() bool { return n.store.Alive(ctx, n.self.ID) })
	}
	return alone, err
}

// recover has the shards that this node still owns after a standstill hear anew what is sent to them: what waits to be heard is old.
func (n *node) recover() error {
	n.log.Warn("this node stood still for a while, or its network did; it has looked which shards are its own", "shards", len(n.shards))
	var errs []error
	for _, s := range n.shards {
		errs = append(errs, s.listen())
	}
	return errors.Join(errs...)
}

// settle brings one shard in line with its assignment.
func (n *node) settle(ctx context.Context, id int, owner string, lease protocol.HeldLease, live map[string]bool) error {
	held, mine := n.shards[id]
	switch {
	case mine && lease.Revision != held.revision:
		n.log.Warn("a shard was taken by another node", "shard", id, "by", lease.Node)
		delete(n.shards, id)
		cut, cancel := context.WithCancel(ctx)
		cancel()
		held.stop(cut)
		return nil
	case mine && (owner != n.self.ID || held.stale.Load()):
		n.log.Info("handing a shard over", "shard", id, "to", owner)
		delete(n.shards, id)
		stop, cancel := context.WithTimeout(ctx, handOver)
		defer cancel()
		n.yield(stop, id, held)
		return nil
	case mine || owner != n.self.ID:
		return nil
	case lease.Node != "" && lease.Node != n.self.ID && live[lease.Node]:
		return nil // its owner has not handed it over yet
	}
	return n.acquire(ctx, id, lease)
}

func (n *node) acquire(ctx context.Context, id int, lease protocol.HeldLease) error {
	l := protocol.Lease{Node: n.self.ID, Epoch: lease.Epoch + 1, Since: n.time.now()}
	revision, err := n.store.Acquire(ctx, id, l, lease.Revision)
	if errors.Is(err, protocol.ErrConflict) {
		return nil // somebody was faster; the next look tells who
	}
	if err != nil {
		return err
	}
	s, stale := newShard(ctx, id, n.ns, n.store, n.rows, n.log, newRunID), new(atomic.Bool)
	s.gate, s.time, s.pulse, s.lease = n.gate, n.time, n.pulse, revision
	s.retake = func() {
		stale.Store(true)
		n.hear()
	}
	if err := s.start(); err != nil {
		return errors.Join(err, n.store.Yield(ctx, id, revision))
	}
	n.shards[id] = &ownedShard{shard: s, revision: revision, stale: stale}
	n.log.Debug("took a shard", "shard", id, "epoch", l.Epoch)
	return nil
}

// live returns the nodes that answer, this one included, and removes the announcements of those that have not for a while. A node that
// stood still finds its own removed and announces itself again: the others would neither give it shards nor miss it, and those who are all
// unknown to each other believe that they are alone, and hardly look.
func (n *node) live(ctx context.Context) (map[string]bool, error) {
	nodes, err := n.store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	known := slices.ContainsFunc(nodes, func(o protocol.Node) bool { return o.ID == n.self.ID })
	live := map[string]bool{n.self.ID: known}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, other := range nodes {
		if other.ID == n.self.ID {
			continue
		}
		asking.Go(func() {
			alive := n.store.Alive(ctx, other.ID)
			mu.Lock()
			defer mu.Unlock()
			live[other.ID] = alive
		})
	}
	asking.Wait()
	for id, alive := range live {
		if alive {
			delete(n.missed, id)
			continue
		}
		live[id] = true // benefit of the doubt
		if n.missed[id]++; n.missed[id] < misses {
			continue
		}
		delete(n.missed, id)
		if err := n.missing(ctx, id, live); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// missing deals with a node that is not there.
func (n *node) missing(ctx context.Context, id string, live map[string]bool) error {
	if id == n.self.ID {
		n.log.Warn("the others took this node for dead; it announces itself again")
		return n.join(ctx)
	}
	delete(live, id)
	n.log.Warn("a node is gone; its shards will be taken", "gone", id)
	return n.store.Forget(ctx, id)
}
