package main

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

const (
	// usualCeiling is the memory that a process keeps below, as long as what is in use is less than half of it. The embedded server
	// keeps blocks of files that were just written or read for as long as nobody collects them: ten files of 200 MiB at once took 6 GB,
	// and take 0.8 GB with a ceiling, in the same time.
	usualCeiling = 1 << 30
	// ceilingOf is how many looks back the least that was in use counts: what is used for a moment only does not lift the ceiling.
	ceilingOf = 30
)

// keepBelow has the process collect more eagerly before it grows beyond a ceiling, until ctx is done. GOMEMLIMIT in the environment says
// otherwise.
func keepBelow(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	now := ceiling(nil)
	debug.SetMemoryLimit(now)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var live []uint64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if live = append(live, read(inUse)); len(live) > ceilingOf {
			live = live[1:]
		}
		if c := ceiling(live); c != now {
			now = c
			debug.SetMemoryLimit(c)
		}
	}
}

// ceiling is that of a process which had so much in use in the last looks: twice that, as the runtime has it by itself. With a million
// closed runs an embedded server has nearly a gigabyte in use, and each collection looks through all of it. It goes in steps of a quarter
// of the usual one.
func ceiling(live []uint64) int64 {
	if len(live) < ceilingOf {
		return usualCeiling
	}
	const step = usualCeiling / 4
	needed := 2 * int64(slices.Min(live)) //nolint:gosec // < 2^62
	return max(usualCeiling, (needed+step-1)/step*step)
}
