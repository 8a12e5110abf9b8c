package orchestrator

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
)

// assign says which node each shard belongs to: its favourite by rendezvous hashing among the nodes that are not full yet,
// where full is an even share rounded up. Every node computes the same answer from the same set of nodes, and a node that
// joins or leaves moves few shards.
func assign(shards int, nodes []string) []string {
	owner := make([]string, shards)
	if len(nodes) == 0 {
		return owner
	}
	nodes = slices.Sorted(slices.Values(nodes))
	room := (shards + len(nodes) - 1) / len(nodes)
	load := make(map[string]int, len(nodes))
	for s := range shards {
		free := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return load[n] == room })
		owner[s] = slices.MaxFunc(free, func(a, b string) int {
			return cmp.Compare(weight(s, a), weight(s, b))
		})
		load[owner[s]]++
	}
	return owner
}

func weight(shard int, node string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(node))
	h.Write([]byte{'/'})
	h.Write([]byte(strconv.Itoa(shard)))
	// FNV alone keeps neighbours together; a final mix spreads them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}
