package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
)

// settle is how long it may take until the shards are spread evenly after a node joined or left.
const settle = 5 * time.Second

// Shards are spread evenly within five seconds after a node joined, and after one left in good order.
func TestShardsAreSpread(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen processes")
	}
	f, err := fleet.Start(t.Context(), fleet.Options{Dir: t.TempDir(), Command: thisBinary, Nodes: 1, Workers: 1, Ledger: t.TempDir()})
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 4; n++ {
		if _, err := f.AddNode(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d nodes after a join: %s", n, even(t, f, time.Now()))
	}
	for n := 3; n >= 1; n-- {
		left := time.Now()
		if err := f.Nodes[n].Stop(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d nodes after a leave: %s", n, even(t, f, left))
	}
}

// even waits until no node of those that run has more than its share of the shards, and fails if that takes too long.
func even(t *testing.T, f *fleet.Fleet, since time.Time) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	defer cancel()
	err := fleet.Until(ctx, "an even spread", func(ctx context.Context) error {
		owners, err := f.Owners(ctx)
		if err != nil {
			return err
		}
		has := map[string]int{}
		for shard := range f.Shards() {
			has[owners[shard].Node]++
		}
		nodes := 0
		for _, p := range f.Nodes {
			if p.Runs() {
				nodes++
			}
		}
		for _, p := range f.Nodes {
			if n := has[p.ID()]; p.Runs() && (n < f.Shards()/nodes || n > (f.Shards()+nodes-1)/nodes) {
				return fmt.Errorf("of %d shards, %s has %d; all of them: %v", f.Shards(), p.ID(), n, has)
			}
		}
		return nil
	})
	if err != nil {
		latef(t, "%v", err)
	}
	return time.Since(since)
}
