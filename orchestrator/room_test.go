package orchestrator

import (
	"context"
	"testing"
	"testing/synctest"
)

// Whatever starts there are, there is room for what goes on.
func TestRoomKeepsAQuarterFromStarts(t *testing.T) {
	t.Parallel()
	for what, r := range map[string]*room{
		"messages": {most: 8, mostBytes: 1 << 30},
		"bytes":    {most: 1 << 30, mostBytes: 8 * 100},
	} {
		took := 0
		for r.try(true, 100) {
			took++
		}
		if took != 6 {
			t.Errorf("%s: %d starts found room, want 6", what, took)
		}
		for r.try(false, 100) {
			took++
		}
		if took != 8 {
			t.Errorf("%s: %d messages found room, want 8", what, took)
		}
		if !r.scarce() {
			t.Errorf("%s: a full room is not scarce", what)
		}
	}
}

// A message that is larger than all of the room waits for its turn only.
func TestRoomTakesWhatIsLarger(t *testing.T) {
	t.Parallel()
	r := &room{most: 8, mostBytes: 100}
	if !r.try(false, 99) || !r.try(false, 1000) || r.try(false, 1) {
		t.Error("not exactly one message was let in beyond the limit")
	}
	r.leave(99)
	if r.try(false, 1) {
		t.Error("there is room beside the large one")
	}
	r.leave(1000)
	if !r.try(false, 1) || r.scarce() {
		t.Error("there is no room afterwards")
	}
}

// Starts that come directly do not overtake the reader of the inbox, and nobody who waits is forgotten.
func TestRoomForThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &room{most: 4, mostBytes: 100}
		for range 4 {
			r.try(false, 1)
		}
		entered := make(chan bool, 3)
		enter := func(ctx context.Context, start bool) { entered <- r.enter(ctx, start, 1) }
		gone, cancel := context.WithCancel(t.Context())
		go enter(t.Context(), true)
		go enter(t.Context(), false)
		go enter(gone, true)
		synctest.Wait()
		r.leave(1)
		synctest.Wait()
		if got := <-entered; !got { // the start needs more room than that
			t.Error("the other message did not find the room that was left")
		}
		cancel()
		if got := <-entered; got {
			t.Error("who was gone has entered")
		}
		r.leave(1)
		if r.try(true, 1) {
			t.Error("a start overtook the reader")
		}
		if !r.try(false, 1) {
			t.Error("what goes on was refused for a start that waits")
		}
		r.leave(1)
		r.leave(1)
		if got := <-entered; !got {
			t.Error("the start was forgotten")
		}
	})
}
