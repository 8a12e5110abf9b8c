package orchestrator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ownedShard is a shard that this node works on, and the revision of its lease.
type ownedShard struct {
	*shard
	lease protocol.HeldLease
	since time.Time    // when it got it
	stale *atomic.Bool // it is to be taken anew
}

// takeWithin is how long a shard that is handed over may wait for whoever has claimed it here. Who hands it over waits for longer.
const takeWithin = time.Second

// claim keeps everybody else from taking a shard or giving it up, until done is called, and returns it if this node has it. While somebody
// else has claimed it there is claimed, which is closed when that ends; it is nil when this node takes no shard any more.
func (n *node) claim(id int) (held *ownedShard, claimed <-chan struct{}, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.leaving {
		return nil, nil, false
	}
	if claimed := n.moving[id]; claimed != nil {
		return nil, claimed, false
	}
	held = n.shards[id]
	delete(n.shards, id)
	n.moving[id] = make(chan struct{})
	n.moves.Add(1)
	return held, nil, true
}

// claimSoon is claim for a shard that comes from another node's hands. This node may be looking at it right now, or may have given it to
// that node and be about to end that claim: refused, the shard would be nobody's for a while.
func (n *node) claimSoon(id int) (*ownedShard, bool) {
	limit := time.NewTimer(takeWithin)
	defer limit.Stop()
	for {
		held, claimed, ok := n.claim(id)
		if ok || claimed == nil {
			return held, ok
		}
		select {
		case <-claimed:
		case <-limit.C:
			return nil, false
		}
	}
}

// done ends a claim. held is the shard if this node has it.
func (n *node) done(id int, held *ownedShard) {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.moving[id])
	delete(n.moving, id)
	if held != nil {
		n.shards[id] = held
	}
	n.moves.Done()
}

// settle brings one shard in line with its assignment. What is known of its lease was read after the given moment.
func (n *node) settle(
	ctx context.Context, id int, owner string, lease protocol.HeldLease, live map[string]bool, since time.Time,
) (err error) {
	held, _, ok := n.claim(id)
	if !ok {
		return nil
	}
	mine := owner == n.self.ID
	switch {
	case held == nil && mine && (lease.Node == n.self.ID || !live[lease.Node]): // else its owner has not handed it over yet
		held, err = n.acquire(ctx, id, lease)
	case held == nil && lease.Node == n.self.ID: // it was to be given up, and NATS did not answer
		n.yield(ctx, id, lease)
	case held == nil, held.since.After(since):
	case lease.Revision != held.lease.Revision:
		held, err = n.check(ctx, held, lease)
	case !mine || held.stale.Load():
		go func() { // it may take a while until the steps under way have ended
			stop, cancel := context.WithTimeout(ctx, handOver)
			defer cancel()
			n.give(stop, id, held, owner)
			n.done(id, nil)
		}()
		return nil
	}
	n.done(id, held)
	return err
}

// check asks the one server that knows whether a shard is still this node's, and gives it up if not: the leases were read from whichever
// copy of them answers, and one that lags has older ones.
func (n *node) check(ctx context.Context, held *ownedShard, read protocol.HeldLease) (*ownedShard, error) {
	now, err := n.store.LeaseRevision(ctx, held.id)
	if err != nil || now == held.lease.Revision {
		return held, err
	}
	n.log.Warn("a shard was taken by another node", "shard", held.id, "by", read.Node)
	held.drop()
	n.hear() // the lease may be nobody's: a server that lost it was started anew
	return nil, nil
}

// acquire takes a shard from nobody's hands.
func (n *node) acquire(ctx context.Context, id int, lease protocol.HeldLease) (*ownedShard, error) {
	held := n.newShard(id)
	err := n.lease(ctx, held, lease)
	if errors.Is(err, protocol.ErrConflict) {
		return nil, nil // somebody was faster; the next look tells who
	}
	if err != nil {
		return nil, err
	}
	if err := held.start(); err != nil {
		n.yield(ctx, id, held.lease)
		return nil, err
	}
	return n.own(held), nil
}

// take takes a shard that another node hands to this one, and reports whether it has.
func (n *node) take(b protocol.Baton) (taken bool) {
	if !n.pulse.sure() {
		return false // it may have been handed over a while ago
	}
	held, ok := n.claimSoon(b.Shard)
	if !ok {
		return false
	}
	if held == nil {
		held = n.inherit(b)
		taken = held != nil
	}
	n.done(b.Shard, held)
	return taken
}

func (n *node) inherit(b protocol.Baton) *ownedShard {
	held := n.newShard(b.Shard)
	err := held.inherit(b, func() error { return n.lease(n.work, held, b.Lease) })
	if err == nil {
		return n.own(held)
	}
	n.log.Info("a shard could not be taken as it was handed over", "shard", b.Shard, "by", b.Lease.Node, "error", err)
	if held.lease.Revision != 0 {
		n.yield(n.work, b.Shard, held.lease)
	}
	return nil
}

// lease makes a shard this node's if its lease is still as it was.
func (n *node) lease(ctx context.Context, s *ownedShard, was protocol.HeldLease) (err error) {
	s.lease.Lease = protocol.Lease{Node: n.self.ID, Epoch: was.Epoch + 1, Since: n.time.now()}
	s.lease.Revision, err = n.store.Acquire(ctx, s.id, s.lease.Lease, was.Revision)
	s.leased.Store(s.lease.Revision)
	return err
}

func (n *node) newShard(id int) *ownedShard {
	s := newShard(n.work, id, n.ns, n.store, n.rows, n.log, newRunID)
	held := &ownedShard{shard: s, stale: new(atomic.Bool)}
	s.gate, s.time, s.pulse = n.gate, n.time, n.pulse
	s.retake = func() {
		held.stale.Store(true)
		n.hear()
	}
	return held
}

func (n *node) own(held *ownedShard) *ownedShard {
	held.since = time.Now()
	n.log.Debug("took a shard", "shard", held.id, "epoch", held.lease.Epoch)
	return held
}

// give hands a shard to another node, or leaves it to whoever finds that it is nobody's.
func (n *node) give(ctx context.Context, id int, s *ownedShard, to string) {
	n.log.Info("handing a shard over", "shard", id, "to", to)
	passed := s.stop(ctx, func(b protocol.Baton) bool {
		b.Lease = s.lease
		return to != "" && to != n.self.ID && n.store.Pass(ctx, to, b)
	})
	if !passed {
		n.yield(context.WithoutCancel(ctx), id, s.lease)
	}
}

// yield gives the lease of a shard up that this node does not work on any more.
func (n *node) yield(ctx context.Context, id int, lease protocol.HeldLease) {
	err := n.store.Yield(ctx, id, lease.Revision)
	if err != nil && !errors.Is(err, protocol.ErrConflict) { // in a conflict it was another node's
		n.log.Warn("a lease could not be given up; trying again when this node looks around", "shard", id, "error", err)
	}
}

// giveAll hands all shards over to the nodes that will have them when this one is gone. It takes no others from now on.
func (n *node) giveAll(ctx context.Context) {
	n.mu.Lock()
	shards := n.shards
	n.shards, n.leaving = make(map[int]*ownedShard), true
	n.mu.Unlock()
	to := assign(n.store.Shards(), n.heirs)
	var all sync.WaitGroup
	for id, s := range shards {
		all.Go(func() { n.give(ctx, id, s, to[id]) })
	}
	all.Wait()
}

// outlive has the shards taken anew that this node had before the only server that has their streams was started anew. What the server had
// not flushed by then is lost, and only who takes a shard looks for that. Nothing may tell of the new end of a stream before.
func (n *node) outlive(server string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.shards {
		anew := server != "" && s.server != "" && s.server != server
		if !anew || s.stale.Swap(true) {
			continue
		}
		s.ledger.freeze()
		n.log.Info("the NATS server was started anew; a shard is taken anew", "shard", s.id)
	}
}

// recover has the shards that this node still owns after a standstill hear anew what is sent to them: what waits to be heard is old.
func (n *node) recover() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log.Warn("this node stood still for a while, or its network did; it has looked which shards are its own", "shards", len(n.shards))
	var errs []error
	for _, s := range n.shards {
		errs = append(errs, s.listen())
	}
	return errors.Join(errs...)
}
