package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// gated runs a test with a gate that sees a load, in virtual time.
func gated(t *testing.T, test func(t *testing.T, g *gate, load *protocol.Load, looks *int, log *strings.Builder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		load := protocol.Load{Inboxes: make([]protocol.Backlog, 2), MaxBacklog: 200, MaxStored: 1000}
		looks, log := 0, &strings.Builder{}
		g := newGate(func(context.Context) (protocol.Load, error) {
			if looks++; load.MaxBacklog < 0 {
				return load, errors.New("nobody answers")
			}
			return load, nil
		}, slog.New(slog.NewTextHandler(log, nil)))
		defer g.end()
		test(t, g, &load, &looks, log)
	})
}

// knock asks twice: the first time has the gate look.
func knock(g *gate, shard int) *protocol.Error {
	<-time.After(gateLook)
	_ = g.refusal(shard)
	synctest.Wait()
	return g.refusal(shard)
}

func TestGateShutsAndOpens(t *testing.T) {
	t.Parallel()
	gated(t, func(t *testing.T, g *gate, load *protocol.Load, _ *int, log *strings.Builder) {
		expect := func(what string, first, second bool) {
			t.Helper()
			if got := knock(g, 0); (got != nil) != first {
				t.Errorf("%s: the first shard says %v", what, got)
			}
			if got := knock(g, 1); (got != nil) != second {
				t.Errorf("%s: the second shard says %v", what, got)
			}
		}
		expect("nothing waits", false, false)
		load.Inboxes[1].Messages = 100
		expect("an inbox is full", false, true)
		load.Inboxes[1].Messages = 96
		expect("it is hardly less", false, true)
		load.Inboxes[1].Messages = 94
		expect("it is clearly less", false, false)
		load.Inboxes[0].Bytes = 100 * 4096
		expect("another is full of large messages", true, false)
		load.Inboxes[0].Bytes, load.Tasks.Messages = 0, 200
		expect("workers are late", true, true)
		load.Tasks.Messages, load.Stored = 0, 854
		expect("the store has room, the workers have caught up", false, false)
		load.Stored = 900
		expect("the store is nearly full", true, true)
		load.MaxBacklog = -1
		expect("nobody knows", true, true)
		load.MaxBacklog, load.Stored = 200, 0
		expect("all is well", false, false)
		if n := strings.Count(log.String(), "NEW RUNS ARE REFUSED"); n != 3 {
			t.Errorf("the log says it %d times:\n%s", n, log)
		}
		if n := strings.Count(log.String(), "taken again"); n != 3 {
			t.Errorf("the log says %d times that it is over:\n%s", n, log)
		}
	})
}

// Nobody looks while nobody starts anything, and not for each start; more often when little is missing.
func TestGateLooksNowAndThen(t *testing.T) {
	t.Parallel()
	gated(t, func(t *testing.T, g *gate, load *protocol.Load, looks *int, _ *strings.Builder) {
		ask := func(what string, want int) {
			t.Helper()
			*looks = 0
			for range 1000 {
				_ = g.refusal(0)
				<-time.After(time.Millisecond)
			}
			if *looks < want-1 || *looks > want+1 {
				t.Errorf("%s: %d looks in a second, want %d", what, *looks, want)
			}
		}
		ask("all is well", 1)
		*looks = 0
		if <-time.After(time.Hour); *looks != 0 {
			t.Errorf("%d looks while nobody started anything", *looks)
		}
		load.Tasks.Messages = 170
		_ = knock(g, 0)
		ask("little is missing", 10)
	})
	if why := (*gate)(nil).refusal(0); why != nil {
		t.Errorf("no gate refuses: %v", why)
	}
}
