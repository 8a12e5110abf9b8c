package main

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// restEvery is how long a process must be quiet. The server drops its caches of streams after ten seconds.
	restEvery = 15 * time.Second
	// restQuiet is the most bytes that a quiet process allocates in that time, and restAfter how many it must have allocated before it is
	// worth the trouble.
	restQuiet = 8 << 20
	restAfter = 64 << 20
)

// tend looks after the memory of a process that stays, until ctx is done.
func tend(ctx context.Context) {
	go collectLess(ctx)
	go keepBelow(ctx)
	go rest(ctx)
}

// rest gives memory back to the system whenever the process has come to rest after work. By itself the runtime collects an idle process
// after two minutes, and drops what lies in pools two minutes after that; the embedded server's pools hold buffers of 8 MB, one for each
// shard. After 10,000 workflows that is 170 MB that nobody needs.
func rest(ctx context.Context) {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	work := workload{seen: read(allocations)}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if work.over(read(allocations)) {
			debug.FreeOSMemory() // what lies in a pool survives the first collection
			debug.FreeOSMemory()
		}
	}
}

// workload is what a process allocated: seen is all of it at the last look, owed what nobody has cleaned up after yet.
type workload struct{ seen, owed uint64 }

// over reports whether there was much to do, and is little now.
func (w *workload) over(allocated uint64) bool {
	spent := allocated - w.seen
	w.seen, w.owed = allocated, w.owed+spent
	if spent > restQuiet || w.owed < restAfter {
		return false
	}
	w.owed = 0
	return true
}
