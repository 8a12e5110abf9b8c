package bench

import (
	"slices"
	"testing"
)

// A node that finds a backlog works it off, and does not keep it in memory.
func TestBacklogStaysOutOfMemory(t *testing.T) {
	t.Parallel()
	o := tiny(OneProcess)
	o.Only, o.Backlog, o.Shards = []string{workBacklog}, 20_000, 8
	if testing.Short() {
		o.Backlog = 500
	}
	r := run(t, o)
	const want = 2 // once without a worker, once with one
	met := slices.DeleteFunc(slices.Clone(r.Limits), func(l Limit) bool {
		return l.Name != "node's heap at most meanwhile" || l.N != o.Backlog || l.Value <= 0 || l.Required != backlogHeap || !l.Met()
	})
	if len(met) != want {
		t.Errorf("%d of %d looks at the heap are within the limit: %+v", len(met), want, r.Limits)
	}
}
