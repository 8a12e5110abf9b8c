package orchestrator

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the nodes are called, shares differ by at most one and every node computes the same.
func TestAssignIsEvenAndAgreed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 1, 9, rapid.ID[string]).Draw(t, "nodes")
		shards := rapid.IntRange(1, 64).Draw(t, "shards")
		owners := assign(shards, nodes)
		load := map[string]int{}
		for _, o := range owners {
			load[o]++
		}
		most := (shards + len(nodes) - 1) / len(nodes)
		for _, n := range nodes {
			if load[n] > most {
				t.Fatalf("node %s has %d of %d shards, at most %d are fair: %v", n, load[n], shards, most, owners)
			}
		}
		shuffled := rapid.Permutation(nodes).Draw(t, "shuffled")
		if got := assign(shards, shuffled); fmt.Sprint(got) != fmt.Sprint(owners) {
			t.Fatalf("the order of the nodes matters: %v and %v", owners, got)
		}
	})
}

func TestAssignWithoutNodes(t *testing.T) {
	t.Parallel()
	for s, o := range assign(3, nil) {
		if o != "" {
			t.Errorf("shard %d belongs to %q", s, o)
		}
	}
}

// A node that joins takes its share and leaves most of the other shards where they are.
func TestAssignMovesFewShards(t *testing.T) {
	t.Parallel()
	const shards = 60
	before := assign(shards, []string{"a", "b", "c", "d"})
	after := assign(shards, []string{"a", "b", "c", "d", "e"})
	moved := 0
	for s := range before {
		if before[s] != after[s] {
			moved++
		}
	}
	if moved > shards/2 {
		t.Errorf("%d of %d shards moved when a fifth node joined", moved, shards)
	}
}
