package orchestrator

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// Whatever was there when the shard was taken, whoever writes beside this node, and in whatever order effects are finished: every
// record is finished by somebody in the end, the progress never passes one that is not, and what was purged is passed over.
func TestLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		stream := map[uint64]string{} // the records, and who wrote them
		end := rapid.Uint64Range(0, 20).Draw(t, "before")
		for seq := uint64(1); seq <= end; seq++ {
			if rapid.Bool().Draw(t, "kept") {
				stream[seq] = "before"
			}
		}
		finished := map[uint64]bool{}
		var deferred []func()
		var looking []uint64
		var stored uint64
		l := &ledger{
			work: map[uint64]bool{}, done: map[uint64]struct{}{},
			after: func(_ time.Duration, f func()) { deferred = append(deferred, f) },
			look:  func(_ string, seq uint64) { looking = append(looking, seq) },
			save:  func(_ context.Context, upTo uint64, _ bool) error { stored = upTo; return nil },
			next: func(_ context.Context, from uint64) (uint64, string, error) {
				for seq := from; seq <= end; seq++ {
					if by, ok := stream[seq]; ok {
						return seq, by, nil
					}
				}
				return 0, "", nil
			},
		}
		progress := rapid.Uint64Range(0, 25).Draw(t, "progress")
		recheck := rapid.Uint64Range(0, end).Draw(t, "recheck")
		since := rapid.Uint64Range(0, recheck).Draw(t, "since")
		l.begin(protocol.Progress{Effects: progress, Recheck: recheck, Since: since}, end)
		l.start()
		known := min(progress, end)
		if recheck > 0 {
			known = min(known, since)
		}
		for seq := uint64(1); seq <= known; seq++ {
			finished[seq] = true
		}
		check := func() {
			for seq := range stream {
				if seq <= stored && !finished[seq] {
					t.Fatalf("the progress is %d, and record %d is not finished", stored, seq)
				}
				if l.has(seq) && !finished[seq] {
					t.Fatalf("record %d is said to be finished", seq)
				}
			}
		}
		var mine []uint64
		finish := func(from []uint64) []uint64 {
			i := rapid.IntRange(0, len(from)-1).Draw(t, "which")
			finished[from[i]] = true
			l.finished(from[i])
			return slices.Delete(from, i, i+1)
		}
		tick := func() {
			f := deferred[0]
			deferred = deferred[1:]
			f()
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				end++
				stream[end] = "mine"
				mine = append(mine, end)
				l.written(end)
			case 1:
				end++
				stream[end] = "other"
			case 2:
				if len(mine) > 0 {
					mine = finish(mine)
				}
			case 3:
				if len(looking) > 0 {
					looking = finish(looking)
				}
			case 4:
				if len(deferred) > 0 {
					tick()
				}
			}
			check()
		}
		end++
		stream[end] = "mine" // so that what others wrote lies before
		mine = append(mine, end)
		l.written(end)
		for len(mine)+len(looking)+len(deferred) > 0 {
			for len(mine) > 0 {
				mine = finish(mine)
			}
			for len(looking) > 0 {
				looking = finish(looking)
			}
			for len(deferred) > 0 && len(looking) == 0 {
				tick()
			}
			check()
		}
		if l.saved != end { // which may be what was stored before, by somebody who knew of more
			t.Fatalf("the progress is %d, the last record %d (%s)", l.saved, end, fmt.Sprint(stream))
		}
	})
}

// A sequence that is given out twice is noticed, whatever became of the first record; and what was found in a gap is no such record.
func TestLedgerNoticesReuse(t *testing.T) {
	t.Parallel()
	stored := uint64(0)
	l := &ledger{
		work: map[uint64]bool{}, done: map[uint64]struct{}{}, after: func(time.Duration, func()) {},
		save: func(_ context.Context, upTo uint64, _ bool) error { stored = upTo; return nil },
		look: func(string, uint64) {},
		next: func(_ context.Context, from uint64) (uint64, string, error) { return from, "wf", nil },
	}
	l.begin(protocol.Progress{Effects: 10}, 10)
	for _, seq := range []uint64{11, 13, 14} {
		if l.written(seq) {
			t.Errorf("%d is new", seq)
		}
	}
	l.finished(13)
	if err := l.search(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.written(12) {
		t.Error("12 was found in a gap before its writer heard of it")
	}
	l.reach(16)
	if err := l.search(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.finished(15)
	if l.written(15) || l.written(16) {
		t.Error("15 was found and looked after, and 16 was found, before their writer heard of them")
	}
	for _, seq := range []uint64{10, 11, 13} {
		if !l.written(seq) {
			t.Errorf("%d is given out again", seq)
		}
	}
	l.freeze()
	l.finished(11)
	if err := l.store(t.Context()); err != nil || stored != 0 {
		t.Errorf("%d was stored, %v", stored, err)
	}
}

// A node that is replaced may write once more behind its successor's back. Its record is looked after, even if no other follows.
func TestTheLedgerLooksAfterARecordAtTheEnd(t *testing.T) {
	t.Parallel()
	var looked []uint64
	var ticks []func()
	l := &ledger{
		work: map[uint64]bool{}, done: map[uint64]struct{}{},
		after: func(_ time.Duration, f func()) { ticks = append(ticks, f) },
		look:  func(_ string, seq uint64) { looked = append(looked, seq) },
		save:  func(context.Context, uint64, bool) error { return nil },
		next:  func(_ context.Context, from uint64) (uint64, string, error) { return from, "wf", nil },
	}
	l.begin(protocol.Progress{Effects: 5}, 5)
	l.reach(7)
	if len(ticks) != 1 {
		t.Fatalf("%d looks are to come, want 1", len(ticks))
	}
	ticks[0]()
	if !slices.Equal(looked, []uint64{6, 7}) {
		t.Errorf("looked after %v, want 6 and 7", looked)
	}
}
