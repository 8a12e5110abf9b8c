package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// usually is by how many percent of what is in use the heap grows before it is collected.
	usually = 200
	// roomOf is how much garbage a busy process keeps at least before it collects. One that has 5 MB in use and makes 100 MB of garbage a
	// second would collect ten times a second otherwise, and that is a quarter of what it does.
	roomOf = 64 << 20
	// busy is how many bytes a busy process allocates between two looks.
	busy      = 4 << 20
	lookEvery = time.Second
)

// Metrics of the runtime: bytes of the heap that were ever allocated, and that the last collection left.
const (
	allocations = "/gc/heap/allocs:bytes"
	inUse       = "/gc/heap/live:bytes"
)

// collectLess lets the heap grow to three times what is in use before it is collected, and that of a busy process by 64 MB at least, until
// ctx is done: nodes, servers and workers keep little and throw away much. What an idle process holds on to, [rest] gives back. GOGC in the
// environment says otherwise.
func collectLess(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(usually)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	percent, seen := usually, read(allocations)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := read(allocations)
		p := growth(now-seen, read(inUse))
		if seen = now; p != percent {
			percent = p
			debug.SetGCPercent(p)
		}
	}
}

// growth is by how many percent the heap may grow of a process that has allocated so much since the last look and has so much in use. It
// goes in steps of 200: each change stops the process for a moment.
func growth(allocated, live uint64) int {
	if allocated < busy {
		return usually
	}
	steps := 1
	for steps < 32 && uint64(steps+1)*2*live <= roomOf {
		steps++
	}
	return usually * steps
}

func read(metric string) uint64 {
	sample := []metrics.Sample{{Name: metric}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
