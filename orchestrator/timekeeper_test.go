package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// watch is a machine with clocks of its own, and NATS beside it.
type watch struct {
	*timekeeper

	wall, nats time.Time
	ran        time.Duration
	silent     bool // NATS does not answer
	said       strings.Builder
}

func newWatch() *watch {
	w := &watch{wall: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	w.nats = w.wall
	w.timekeeper = newTimekeeper(func(context.Context) (time.Time, error) {
		if w.silent {
			return time.Time{}, errors.New("nobody answers")
		}
		return w.nats, nil
	}, slog.New(slog.NewTextHandler(&w.said, nil)))
	w.read = func() (time.Time, time.Duration) { return w.wall, w.ran }
	w.timekeeper.wall, w.since = w.read()
	return w
}

// pass lets time pass for everybody.
func (w *watch) pass(d time.Duration) { w.wall, w.nats, w.ran = w.wall.Add(d), w.nats.Add(d), w.ran+d }

// tells fails the test unless the node's time is that of NATS and something else. It asks twice: the first time may have NATS asked.
func (w *watch) tells(t *testing.T, what string, beyond time.Duration) {
	t.Helper()
	w.now()
	w.end()
	if got := w.now().Sub(w.nats); got != beyond {
		t.Errorf("%s: the node's time is %v beyond NATS's, want %v", what, got, beyond)
	}
	w.end()
}

// A machine's clock that is set to something wrong does not matter to its node, and neither does that it is set right again.
func TestTimeGoesOnWhenTheClockIsSet(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second, -3 * time.Second} {
		w := newWatch()
		w.check(t.Context())
		w.tells(t, "all is well", 0)
		w.wall = w.wall.Add(jump)
		w.tells(t, "the clock was set", 0)
		w.pass(10 * time.Minute)
		w.tells(t, "later", 0)
		if !strings.Contains(w.said.String(), "ALARM") {
			t.Error("nobody was told")
		}
		w.wall = w.wall.Add(-jump)
		w.tells(t, "the clock was set right", 0)
	}
}

// A node that begins with a wrong clock goes by NATS's, which its wake-ups fire by, and which the other nodes have.
func TestTimeBeginsWithThatOfNATS(t *testing.T) {
	t.Parallel()
	w := newWatch()
	w.wall = w.wall.Add(-time.Hour)
	w.timekeeper.wall, _ = w.read()
	w.check(t.Context())
	w.tells(t, "the clock is wrong from the beginning", 0)
	w.pass(time.Minute)
	w.tells(t, "later", 0)
	w.wall = w.wall.Add(time.Hour)
	w.tells(t, "the clock was set right", 0)
}

// When NATS agrees with the machine's clock, as after a sleep of both, the node follows.
func TestTimeFollowsWhenAllClocksAreSet(t *testing.T) {
	t.Parallel()
	w := newWatch()
	w.silent = true
	w.wall, w.nats = w.wall.Add(8*time.Hour), w.nats.Add(8*time.Hour)
	w.tells(t, "NATS cannot be asked", -8*time.Hour)
	w.silent = false
	w.tells(t, "it can", 0)
	if strings.Contains(w.said.String(), "ALARM") {
		t.Errorf("there was an alarm: %s", &w.said)
	}
	w.ask = nil
	w.wall = w.wall.Add(time.Hour)
	w.tells(t, "there is nobody to ask", time.Hour)
}

// Small differences are nobody's business, but they do not add up for ever.
func TestTimeIsNotTakenTooSeriously(t *testing.T) {
	t.Parallel()
	w := newWatch()
	for range 10 {
		w.wall, w.nats = w.wall.Add(skew/4), w.nats.Add(skew/4)
		w.now()
		w.end()
	}
	if behind := w.nats.Sub(w.now()); behind < 0 || behind > skew {
		t.Errorf("the node's time is %v behind, want at most %v", behind, skew)
	}
	if w.until(w.nats.Add(time.Minute)) < time.Minute {
		t.Error("it is too late")
	}
}

// A server whose clock is ahead fires wake-ups before their time. They are armed for later by its clock, or it would do so for ever.
func TestServerThatIsAhead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		what                    string
		due, theirs, knew, want time.Duration
	}{
		{"all is well", lead, 0, 0, 0},
		{"too late", -time.Hour, 0, 0, 0},
		{"a wake-up fires an hour too early", 30 * time.Minute, time.Hour, 0, time.Hour},
		{"that is known, and one fires in time", lead, time.Hour, time.Hour, time.Hour},
		{"the server is late, which does no harm", -time.Hour, -time.Hour, time.Hour, 0},
		{"the server was set right", lead, 0, time.Hour, 0},
	} {
		got := ahead(item{
			input:    protocol.Input{Workflow: "wf", Body: protocol.TimerInput{Due: now.Add(x.due)}},
			delivery: protocol.Delivery{Time: now.Add(x.theirs)},
		}, now, x.knew)
		if got != x.want {
			t.Errorf("%s: the server is ahead by %v, want %v", x.what, got, x.want)
		}
	}
}
