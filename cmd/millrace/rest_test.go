package main

import "testing"

// Memory is given back once after much work, when it is quiet again; little work is not worth the trouble until it adds up.
func TestRestAfterWork(t *testing.T) {
	t.Parallel()
	const little, much = restQuiet / 2, 2 * restAfter
	w := workload{seen: 5}
	allocated := w.seen
	for i, x := range []struct {
		spent uint64
		over  bool
	}{{little, false}, {much, false}, {much, false}, {little, true}, {little, false}, {0, false}, {restAfter - 2*little, false}, {little, true}} {
		allocated += x.spent
		if over := w.over(allocated); over != x.over {
			t.Errorf("look %d, after %d bytes: over is %v", i, x.spent, over)
		}
	}
}
