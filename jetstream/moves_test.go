package jetstream

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
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
	c.found("stream", nil, movesAtOnce)
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

// Each loss is reported once.
func TestLossesAreReportedOnce(t *testing.T) {
	t.Parallel()
	var s Store
	var told []string
	s.OnLoss(func(why *protocol.Error) { told = append(told, why.Message) })
	for range 2 {
		s.copies.found("a", map[string]bool{"one": true}, 1)
		s.copies.found("b", map[string]bool{"one": true}, 1)
	}
	if len(told) != 2 || told[0] == told[1] {
		t.Errorf("reported is %q", told)
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
