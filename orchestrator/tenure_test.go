package orchestrator

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

const manyShards = 4

// asked is a store that counts how often somebody who takes a shard asks what others have left behind.
type asked struct {
	*jetstream.Store

	stock *atomic.Int64
}

func (a asked) Progress(ctx context.Context, shard int) (protocol.Progress, error) {
	a.stock.Add(1)
	return a.Store.Progress(ctx, shard)
}

// nodes is a server for nodes that are started one by one.
type nodes struct {
	t   *testing.T
	srv *embedded.Server
}

func newNodes(t *testing.T) *nodes {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return &nodes{t, srv}
}

func (n *nodes) store() asked {
	n.t.Helper()
	nc, err := n.srv.Conn()
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(nc.Close)
	store, err := jetstream.Create(n.t.Context(), nc, protocol.DefaultNamespace, jetstream.Options{Shards: manyShards})
	if err != nil {
		n.t.Fatal(err)
	}
	return asked{store, new(atomic.Int64)}
}

// join starts a node, which stops at the latest when the test ends.
func (n *nodes) join(id string) (node *node, stock *atomic.Int64, stop func()) {
	n.t.Helper()
	store := n.store()
	node = newNode(protocol.Node{ID: id}, protocol.DefaultNamespace, store, slog.New(slog.DiscardHandler))
	return node, store.stock, n.start(node)
}

func (n *nodes) start(node *node) (stop func()) {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		node.run(ctx, func(err error) { ready <- err })
	}()
	stop = func() {
		cancel()
		<-ended
	}
	n.t.Cleanup(stop)
	if err := <-ready; err != nil {
		n.t.Fatal(err)
	}
	return stop
}

// until reads the leases until they are as they should be.
func (n *nodes) until(store Store, what string, holds func(map[int]protocol.HeldLease) bool) {
	n.t.Helper()
	var leases map[int]protocol.HeldLease
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	for {
		now, err := store.Leases(ctx)
		if err != nil {
			n.t.Fatalf("waited for %s; the leases were %v: %v", what, leases, err)
		}
		leases = now
		if holds(leases) {
			return
		}
	}
}

// held counts the shards of a node, by the epoch of its leases.
func held(leases map[int]protocol.HeldLease, node string) map[int64]int {
	n := map[int64]int{}
	for _, l := range leases {
		if l.Node == node {
			n[l.Epoch]++
		}
	}
	return n
}

// Shards go from hand to hand when a node joins, and when it leaves: nobody asks what was left behind.
func TestShardsGoFromHandToHand(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	store := n.store()
	_, first, _ := n.join("first")
	if got := first.Load(); got != manyShards {
		t.Errorf("the first node took stock %d times, want %d", got, manyShards)
	}
	_, second, stop := n.join("second")
	n.until(store, "two shards each", func(l map[int]protocol.HeldLease) bool { return held(l, "second")[2] == 2 && held(l, "first")[1] == 2 })
	stop()
	n.until(store, "all shards with the first", func(l map[int]protocol.HeldLease) bool {
		return held(l, "first")[1] == 2 && held(l, "first")[3] == 2
	})
	if first.Load() != manyShards || second.Load() != 0 {
		t.Errorf("the nodes took stock %d and %d times, want %d and 0", first.Load(), second.Load(), manyShards)
	}
}

// A shard that its next owner does not take from the hand is nobody's for a moment, and then of whoever finds it.
func TestShardIsNotTakenFromTheHand(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	store := n.store()
	n.join("first")
	leave, err := store.Join(t.Context(), protocol.Node{ID: "second"}, func(protocol.Baton) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	n.until(store, "two shards of nobody", func(l map[int]protocol.HeldLease) bool { return held(l, "")[0] == 2 && held(l, "first")[1] == 2 })
	leave(t.Context())
	n.until(store, "all shards with the first", func(l map[int]protocol.HeldLease) bool { return held(l, "first")[1] == manyShards })
}

// A baton that comes late is worth nothing: somebody else has the shard.
func TestBatonComesLate(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	store := n.store()
	_, _, stop := n.join("first")
	second, _, _ := n.join("second")
	var before map[int]protocol.HeldLease
	n.until(store, "two shards each", func(l map[int]protocol.HeldLease) bool {
		before = l
		return held(l, "second")[2] == 2 && held(l, "first")[1] == 2
	})
	stop()
	n.until(store, "all shards with the second", func(l map[int]protocol.HeldLease) bool { return held(l, "second")[2] == manyShards })
	for shard, l := range before {
		if second.take(protocol.Baton{Shard: shard, Lease: l}) {
			t.Errorf("shard %d was taken a second time", shard)
		}
	}
	third := newNode(protocol.Node{ID: "third"}, protocol.DefaultNamespace, store, slog.New(slog.DiscardHandler))
	third.work = t.Context()
	for shard, l := range before {
		if l.Node == "first" && third.take(protocol.Baton{Shard: shard, Lease: l}) {
			t.Errorf("shard %d was taken from who has it", shard)
		}
	}
	third.moves.Wait()
	if len(third.shards) > 0 || len(third.moving) > 0 {
		t.Errorf("the node still works on %d shards", len(third.shards)+len(third.moving))
	}
}

// silent is a store that does not hear the answer when a lease is given up, once.
type silent struct {
	asked

	once *atomic.Bool
}

func (s silent) Yield(ctx context.Context, shard int, revision uint64) error {
	if s.once.Swap(true) {
		return s.asked.Yield(ctx, shard, revision)
	}
	return protocol.Errorf(protocol.CodeTimeout, "NATS did not answer in time")
}

// A node whose word that it gives a shard up got lost says it again: everybody else waits for it.
func TestLeaseIsGivenUpAgain(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	store := n.store()
	var once atomic.Bool
	n.start(newNode(protocol.Node{ID: "first"}, protocol.DefaultNamespace, silent{n.store(), &once}, slog.New(slog.DiscardHandler)))
	if _, err := store.Join(t.Context(), protocol.Node{ID: "second"}, func(protocol.Baton) bool { return false }); err != nil {
		t.Fatal(err)
	}
	n.until(store, "two shards of nobody", func(l map[int]protocol.HeldLease) bool { return held(l, "")[0] == 2 })
	if !once.Load() {
		t.Error("no word got lost")
	}
}
