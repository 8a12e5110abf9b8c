package jetstream

import (
	"testing"
	"time"
)

// Whoever misses again and again what was removed in all order does not keep leaders moving.
func TestLeadersAreMovedNowAndThen(t *testing.T) {
	t.Parallel()
	var c copies
	now := time.Now()
	for i := range movesAtOnce {
		if !c.may(now) {
			t.Fatalf("a leader may be moved only %d times", i)
		}
	}
	c.forgive(movesAtOnce)
	for range movesAtOnce {
		if !c.may(now) {
			t.Fatal("moves that were not in vain count")
		}
	}
	for range 3 {
		if c.may(now) {
			t.Fatal("a leader may be moved as often as somebody likes")
		}
		if now = now.Add(moveEvery); !c.may(now) {
			t.Fatal("no leader may be moved any more")
		}
	}
}

// The copy that was found to lack the least is asked first, and none twice.
func TestTheBestCopyIsAskedFirst(t *testing.T) {
	t.Parallel()
	var c copies
	for _, server := range []string{"one", "one", "two"} {
		c.note(server)
	}
	asked := map[string]bool{}
	for _, want := range []string{"three", "two", "one", ""} {
		got := c.best([]string{"one", "two", "three"}, asked)
		if got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
		asked[got] = true
	}
}
