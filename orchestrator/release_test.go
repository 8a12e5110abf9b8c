package orchestrator

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Only a prefix of handled messages is ever purged, and in the end all of it is.
func TestReleasesPurgeOnlyPrefixes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var purged uint64
		var deferred []func()
		fail := false
		r := newReleases(func(_ context.Context, seq uint64) error {
			if fail {
				return errors.New("no")
			}
			purged = seq
			return nil
		}, func(_ time.Duration, f func()) { deferred = append(deferred, f) })

		n := rapid.IntRange(1, 50).Draw(t, "n")
		seqs := make([]uint64, n)
		seq := uint64(0)
		for i := range seqs {
			seq += uint64(rapid.IntRange(1, 3).Draw(t, "gap"))
			seqs[i] = seq
			r.deliver(seq)
		}
		done := map[uint64]bool{}
		for _, s := range rapid.Permutation(seqs).Draw(t, "order") {
			r.done(s)
			done[s] = true
			fail = rapid.Bool().Draw(t, "fail")
			if len(deferred) > 0 && rapid.Bool().Draw(t, "flush") {
				f := deferred[0]
				deferred = deferred[1:]
				f()
			}
			for _, s := range seqs {
				if s <= purged && !done[s] {
					t.Fatalf("message %d was purged before it was handled", s)
				}
			}
		}
		fail = false
		for len(deferred) > 0 {
			f := deferred[0]
			deferred = deferred[1:]
			f()
		}
		if last := slices.Max(seqs); purged != last {
			t.Fatalf("purged up to %d of %d", purged, last)
		}
	})
}

// What is handled while a purge is under way waits for its end, also if it fails.
func TestReleasesPurgeOneAtATime(t *testing.T) {
	t.Parallel()
	var later []func()
	var purged []uint64
	var r *releases
	r = newReleases(func(_ context.Context, seq uint64) error {
		purged = append(purged, seq)
		if seq == 1 {
			r.deliver(2)
			r.done(2)
			if len(later) > 0 {
				t.Error("another purge is set beside the one under way")
			}
			return errors.New("no")
		}
		return nil
	}, func(_ time.Duration, f func()) { later = append(later, f) })
	r.deliver(1)
	r.done(1)
	for len(later) > 0 {
		f := later[0]
		later = later[1:]
		f()
		if len(later) > 1 {
			t.Fatalf("%d purges are set", len(later))
		}
	}
	if !slices.Equal(purged, []uint64{1, 2}) {
		t.Errorf("purged up to %v, want 1 and then 2", purged)
	}
}
