package main

import (
	"slices"
	"testing"
)

func TestCeilingOfMemory(t *testing.T) {
	t.Parallel()
	long := func(live uint64) []uint64 { return slices.Repeat([]uint64{live}, ceilingOf) }
	for name, x := range map[string]struct {
		live []uint64
		want int64
	}{
		"nothing seen":     {nil, 1 << 30},
		"little":           {long(100 << 20), 1 << 30},
		"much for a while": {append(long(100 << 20)[1:], 4<<30), 1 << 30},
		"not for long yet": {long(4 << 30)[1:], 1 << 30},
		"half":             {long(512 << 20), 1 << 30},
		"much":             {long(4 << 30), 8 << 30},
		"a bit more":       {long(4<<30 + 1000), 8<<30 + 256<<20},
	} {
		if got := ceiling(x.live); got != x.want {
			t.Errorf("%s: %d, want %d", name, got, x.want)
		}
	}
}
