package cluster

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fault"
)

// timing holds the figures to what is promised. It is for a machine that does nothing else meanwhile: when the tests of all packages want the
// same cores, the figures are logged, and only what must never happen fails.
var timing = flag.Bool("timing", false, "hold recovery times to their limits; nothing else may run meanwhile")

// latef fails the test when something took too long, if that counts.
func latef(t *testing.T, format string, args ...any) {
	t.Helper()
	if *timing {
		t.Errorf(format, args...)
	}
}

// try tries a fault under a load of mixed workflows, and fails the test if a promise is broken.
func try(t *testing.T, name string, runs, inFlight int) chaos.Line {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a dozen processes, and kills them")
	}
	all := fault.All()
	i := slices.IndexFunc(all, func(f fault.Fault) bool { return f.Name == name })
	r, err := chaos.Run(t.Context(), chaos.Options{
		Dir: t.TempDir(), Command: thisBinary, Faults: all[i : i+1], Runs: runs, InFlight: inFlight, Seed: 1, Keep: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range r.Broken() {
		t.Error(b)
	}
	l := r.Faults[0]
	t.Logf("%d injections in %.0f s; recovery of %d: p50 %.0f ms, p99 %.0f ms; p99 of %d calls: %.0f ms, beside the fault %.0f ms",
		l.Injections, l.Took, l.Recoveries, l.P50, l.P99, l.Calls, l.During, l.Normal)
	return l
}

// The shards of a node that was killed make progress again within five seconds.
func TestANodeIsKilled(t *testing.T) {
	l := try(t, "kill-node", 600, 16)
	if l.Recoveries == 0 {
		t.Errorf("%d nodes were killed, and no recovery was measured", l.Injections)
	}
	if l.Recoveries < 3 || l.P99 > 5000 {
		latef(t, "p99 of %d recoveries is %.0f ms, want 5000 at most", l.Recoveries, l.P99)
	}
}

// The activities of a worker that was killed are begun by another within ten seconds, under the whole load.
func TestAWorkerIsKilled(t *testing.T) {
	l := try(t, "kill-worker", 1200, 48)
	if l.Recoveries == 0 {
		t.Errorf("of %d workers that were killed, none had an activity in hand: nothing was measured", l.Injections)
	}
	if l.P99 > 10_000 {
		latef(t, "p99 of %d redeliveries is %.0f ms, want 10000 at most", l.Recoveries, l.P99)
	}
}

// Nobody notices when all nodes are restarted, one after the other: calls take as long as between the restarts. Both are measured side by
// side, in turns, so that whatever else the machine does is in both.
func TestNodesAreRestarted(t *testing.T) {
	l := try(t, "rolling-restart", 800, 16)
	if l.Injections < 2 || l.During > 3*l.Normal {
		latef(t, "p99 during %d rolling restarts is %.0f ms, and %.0f ms between them", l.Injections, l.During, l.Normal)
	}
}

// Clocks that are wrong and disks that are slow break no promise.
func TestClocksAndDisks(t *testing.T) {
	for _, name := range []string{"set-clock", "slow-disk"} {
		t.Run(name, func(t *testing.T) {
			if l := try(t, name, 150, 16); l.Skipped != "" {
				t.Skip(l.Skipped)
			}
		})
	}
}

// Chaos that is interrupted ends its processes, and leaves nothing of what was not found wrong.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen processes")
	}
	ctx, interrupt := context.WithCancel(t.Context())
	dir := t.TempDir()
	r, err := chaos.Run(ctx, chaos.Options{
		Dir: dir, Command: thisBinary, Faults: fault.All()[:2], Runs: 10_000, InFlight: 8, Seed: 1,
		Progress: func(_ string, done, _ int) {
			if done >= 20 {
				interrupt()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || len(r.Faults) != 0 || len(r.Broken()) != 0 {
		t.Errorf("got %v, and %d faults were tried: %v", err, len(r.Faults), r.Broken())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// A worker that is frozen, or cut off, is missed, and changes nothing when it is back.
func TestAWorkerIsAway(t *testing.T) {
	for _, name := range []string{"stop-worker", "partition-worker"} {
		t.Run(name, func(t *testing.T) { try(t, name, 200, 16) })
	}
}
