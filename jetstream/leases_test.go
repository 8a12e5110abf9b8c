package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

func lease(node string) protocol.Lease { return protocol.Lease{Node: node, Epoch: 1} }

// wantHolder fails the test unless the node holds shard 0; an empty name says that nobody does.
func wantHolder(t *testing.T, w *world, node string) {
	t.Helper()
	leases, err := w.Leases(t.Context())
	must(t, err)
	if got := leases[0].Node; got != node {
		t.Errorf("shard 0 is held by %q, want %q", got, node)
	}
}

func TestShardChangesHands(t *testing.T) {
	t.Parallel()
	w := start(t)
	wantHolder(t, w, "")
	held, err := w.Acquire(t.Context(), 0, lease("ada"), 0)
	must(t, err)
	wantHolder(t, w, "ada")
	must(t, w.Yield(t.Context(), 0, held))
	wantHolder(t, w, "")
	leases, err := w.Leases(t.Context())
	must(t, err)
	_, err = w.other(t).Acquire(t.Context(), 0, lease("bob"), leases[0].Revision)
	must(t, err)
	wantHolder(t, w, "bob")
}

func TestOneOfManyContendersGetsTheShard(t *testing.T) {
	t.Parallel()
	const contenders = 4
	w := start(t)
	revision := uint64(0)
	for round := range 20 { // first it is free, then it is taken over again and again
		revisions := make([]uint64, contenders)
		var race sync.WaitGroup
		for i := range contenders {
			race.Go(func() {
				got, err := w.Acquire(t.Context(), 0, lease(strconv.Itoa(i)), revision)
				if err != nil && !errors.Is(err, protocol.ErrConflict) {
					t.Errorf("contender %d lost with %v, want a conflict", i, err)
				}
				revisions[i] = got
			})
		}
		race.Wait()
		winner := -1
		for i, got := range revisions {
			if got == 0 {
				continue
			}
			if winner >= 0 {
				t.Fatalf("round %d: %d and %d got the shard", round, winner, i)
			}
			winner, revision = i, got
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody got the shard", round)
		}
		wantHolder(t, w, strconv.Itoa(winner))
	}
}

// A node that was frozen finds its shard taken: it can neither renew nor yield what is another's now.
func TestLostLeaseIsNoticed(t *testing.T) {
	t.Parallel()
	w := start(t)
	frozen, err := w.Acquire(t.Context(), 0, lease("frozen"), 0)
	must(t, err)
	_, err = w.Acquire(t.Context(), 0, lease("successor"), frozen)
	must(t, err)
	_, err = w.Acquire(t.Context(), 0, lease("frozen"), frozen)
	wantCode(t, err, protocol.CodeConflict)
	wantCode(t, w.Yield(t.Context(), 0, frozen), protocol.CodeConflict)
	wantHolder(t, w, "successor")
}

func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	w := start(t)
	news := make(chan struct{}, 10)
	stop, err := w.News(func() { news <- struct{}{} })
	must(t, err)
	t.Cleanup(stop)

	ada := w.other(t)
	leave, err := ada.Join(t.Context(), protocol.Node{ID: "ada@host.1", Host: "host"}, nil)
	must(t, err)
	next(t, news, "the news that a node joined")
	wantNodes(t, w, "ada@host.1")
	if !w.Alive(t.Context(), "ada@host.1") || w.Alive(t.Context(), "bob") {
		t.Error("want ada alive and bob not")
	}
	leave(context.Background())
	next(t, news, "the news that a node left")
	wantNodes(t, w)
	if w.Alive(t.Context(), "ada@host.1") {
		t.Error("a node that left is alive")
	}
}

// A shard goes from hand to hand if the other node knows how to take it, and wants to.
func TestShardIsPassed(t *testing.T) {
	t.Parallel()
	w := start(t)
	var got []protocol.Baton
	take := func(b protocol.Baton) bool {
		got = append(got, b)
		return b.Effects != 0
	}
	ada := w.other(t)
	leave, err := ada.Join(t.Context(), protocol.Node{ID: "ada"}, take)
	must(t, err)
	baton := protocol.Baton{Lease: protocol.HeldLease{Lease: lease("bob"), Revision: 7}, Effects: 5, Inbox: 3, Timers: 2}
	if !w.Pass(t.Context(), "ada", baton) {
		t.Error("the shard was not taken")
	}
	if w.Pass(t.Context(), "ada", protocol.Baton{}) {
		t.Error("a shard was taken that the node did not want")
	}
	if len(got) != 2 || got[0] != baton {
		t.Errorf("the node was handed %+v, want %+v", got, baton)
	}
	if w.Pass(t.Context(), "ada", protocol.Baton{Shard: w.Shards(), Effects: 1}) || len(got) != 2 {
		t.Error("a shard was taken that there is not")
	}
	old, err := ada.Conn().Subscribe(w.Namespace().NodePing("old"), func(m *nats.Msg) { _ = m.Respond(nil) })
	must(t, err)
	must(t, ada.Conn().Flush())
	t.Cleanup(func() { must(t, old.Unsubscribe()) })
	if w.Pass(t.Context(), "old", baton) {
		t.Error("a node took a shard that only answers pings")
	}
	leave(t.Context())
	if w.Pass(t.Context(), "ada", baton) {
		t.Error("a node took a shard that has left")
	}
}

func TestKilledNodeIsMissedAndForgotten(t *testing.T) {
	t.Parallel()
	w := start(t)
	killed := w.other(t)
	_, err := killed.Join(t.Context(), protocol.Node{ID: "killed"}, nil)
	must(t, err)
	killed.Conn().Close()
	wantNodes(t, w, "killed")
	if w.Alive(t.Context(), "killed") {
		t.Error("a killed node is alive")
	}
	must(t, w.Forget(t.Context(), "killed"))
	wantNodes(t, w)
}

func wantNodes(t *testing.T, w *world, want ...string) {
	t.Helper()
	nodes, err := w.Nodes(t.Context())
	must(t, err)
	ids := []string{}
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	if fmt.Sprint(ids) != fmt.Sprint(want) {
		t.Errorf("nodes are %v, want %v", ids, want)
	}
}
