package orchestrator

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// skew is how much two clocks may differ before somebody finds out which of them is wrong. Wake-ups are armed for longer than that before
// their time; see [lead].
const skew = lead / 2

// timekeeper is a node's time. It goes on as the machine's monotonic clock does, so that timers are neither early nor late when somebody
// sets the machine's clock. When that happens, NATS is asked: if its clock agrees, the machine was asleep, or all of them were set, and the
// node follows; if not, this machine's clock is wrong, and the node keeps its time. Wake-ups fire by NATS's clock, and all nodes share
// it, so a node also begins by it.
type timekeeper struct {
	read func() (wall time.Time, monotonic time.Duration) // the machine's clocks
	ask  func(context.Context) (time.Time, error)
	log  *slog.Logger

	mu     sync.Mutex
	wall   time.Time     // what the machine's clocks said
	since  time.Duration // at some moment,
	offset time.Duration // and what is added to the first of them
	busy   bool
	asking sync.WaitGroup
}

// newTimekeeper keeps the machine's time. ask reads NATS's clock; nil: there is nobody to ask, and the machine is right.
func newTimekeeper(ask func(context.Context) (time.Time, error), log *slog.Logger) *timekeeper {
	began := time.Now()
	k := &timekeeper{ask: ask, log: log, read: func() (time.Time, time.Duration) {
		t := time.Now()
		return t.Round(0), t.Sub(began)
	}}
	k.wall, k.since = k.read()
	return k
}

// now is the time as history knows it: UTC, and without the monotonic reading, which JSON would lose.
func (k *timekeeper) now() time.Time {
	wall, since := k.read()
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := k.at(since)
	if jumped(wall.Add(k.offset).Sub(kept)) && !k.busy {
		k.busy = true
		k.asking.Go(func() { k.check(context.Background()) })
	}
	return kept.UTC()
}

// at is the time when the machine's monotonic clock says so much. The lock is held.
func (k *timekeeper) at(since time.Duration) time.Time { return k.wall.Add(k.offset + since - k.since) }

// until is how long it is until a moment.
func (k *timekeeper) until(at time.Time) time.Duration { return at.Sub(k.now()) }

// check compares the machine's clock with NATS's, and decides by which the node goes on.
func (k *timekeeper) check(ctx context.Context) {
	theirs, err := k.theirs(ctx)
	wall, since := k.read()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy = false
	if err != nil {
		k.log.Warn("NATS cannot be asked for its time; the node keeps its own", "error", err)
		return // the next who wants to know the time has it asked again
	}
	kept := k.at(since)
	switch ahead := wall.Sub(theirs); {
	case k.ask == nil || !jumped(ahead):
		kept = wall
	case !jumped(wall.Sub(kept)): // the node has just begun
		kept = theirs
		fallthrough
	default:
		k.log.Error("ALARM: the clocks of this machine and of NATS differ; the node goes on by NATS's, or by what was right before",
			"this_is_ahead_by", ahead.Round(time.Millisecond), "do", "let all machines keep their time by NTP")
	}
	k.wall, k.since, k.offset = wall, since, kept.Sub(wall)
}

func (k *timekeeper) theirs(ctx context.Context) (time.Time, error) {
	if k.ask == nil {
		return time.Time{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return k.ask(ctx)
}

// end waits until nobody asks any more.
func (k *timekeeper) end() { k.asking.Wait() }

func jumped(d time.Duration) bool { return d.Abs() > skew }
