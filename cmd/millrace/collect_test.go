package main

import "testing"

func TestGrowthOfAHeap(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		allocated, live uint64
		percent         int
	}{
		{0, 5 << 20, 200},
		{busy - 1, 5 << 20, 200},
		{busy, 4 << 20, 1600},
		{busy, 16 << 20, 400},
		{busy, 60 << 20, 200},
		{busy, 1 << 30, 200},
		{busy, 0, 6400},
	} {
		if got := growth(x.allocated, x.live); got != x.percent {
			t.Errorf("%d bytes allocated and %d in use: %d percent, want %d", x.allocated, x.live, got, x.percent)
		}
	}
}
