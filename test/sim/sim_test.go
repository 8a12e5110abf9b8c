package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/test/rig"
)

var (
	seeds    = flag.Uint64("seeds", 0, "how many `seeds` to play; by default as many of 100,000 as three minutes hold, and 500 with -short")
	first    = flag.Uint64("first", 0, "the first `seed`")
	scenario = flag.String("scenario", "", "the `file` of a scenario to play, with its trace")
)

func TestMain(m *testing.M) { rig.Main(m) }

// bubble takes a world through its course, in a bubble of its own.
func bubble(t *testing.T, sc Scenario) (o Outcome) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { o = Play(sc) })
	return o
}

// each plays seeds, as many at once as there are processors, until f has heard enough.
func each(t *testing.T, from, to uint64, sc Scenario, f func(Scenario, Outcome) (more bool)) {
	t.Helper()
	var next atomic.Uint64
	next.Store(from)
	var mu sync.Mutex
	var players sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		players.Go(func() {
			for more := true; more; {
				sc := sc
				if sc.Seed = next.Add(1) - 1; sc.Seed >= to {
					return
				}
				o := bubble(t, sc)
				mu.Lock()
				if more = f(sc, o); !more {
					next.Store(to)
				}
				mu.Unlock()
			}
		})
	}
	players.Wait()
}

// report says what a scenario came to, with the file that repeats it: the least that still fails.
func report(t *testing.T, sc Scenario) {
	t.Helper()
	sc = Shrink(sc, func(sc Scenario) Outcome { return bubble(t, sc) })
	sc.Trace = true
	o := bubble(t, sc)
	dir := t.ArtifactDir()
	name := filepath.Join(dir, "scenario.txt")
	if err := os.WriteFile(name, sc.Format(o.Err, o.Trace), 0o600); err != nil {
		t.Error(err)
	}
	t.Errorf("%v\n\n%s", o.Err, sc.Format(o.Err, o.Trace))
}

// Whatever crashes, is lost, late, doubled or out of order: what was promised holds, and everything comes to its end.
func TestSeeds(t *testing.T) {
	t.Parallel()
	n := *seeds
	deadline, limited := t.Deadline()
	deadline = deadline.Add(-time.Minute)
	if n == 0 {
		n = 100_000
		if testing.Short() {
			n = 500
		}
		if soon := time.Now().Add(3 * time.Minute); !limited || soon.Before(deadline) {
			deadline, limited = soon, true
		}
	}
	var failed []Scenario
	var played uint64
	var events, runs, faults int
	each(t, *first, *first+n, Scenario{}, func(sc Scenario, o Outcome) bool {
		played++
		events, runs, faults = events+o.Events, runs+o.Runs, faults+o.Faults
		if o.Err != nil {
			t.Logf("seed %d: %v", sc.Seed, o.Err)
			failed = append(failed, sc)
		}
		return len(failed) < 10 && (!limited || time.Now().Before(deadline)) // a busy machine plays fewer
	})
	for _, sc := range failed {
		report(t, sc)
	}
	t.Logf("%d seeds of %d: %d runs, %d events, %d faults", played, n, runs, events, faults)
}

// The same seed takes the same course, to the byte, whichever of a node's goroutines the machine has run first, and however many other worlds
// are played beside it.
func TestASeedTakesTheSameCourse(t *testing.T) {
	t.Parallel()
	traces := map[uint64]string{}
	n := *seeds
	switch {
	case n > 0:
	case testing.Short():
		n = 100
	default:
		n = 5_000
	}
	for _, sc := range []Scenario{{Trace: true}, {Trace: true, Jostled: true}} {
		each(t, *first, *first+n, sc, func(sc Scenario, o Outcome) bool {
			before, again := traces[sc.Seed]
			course := renamed(o.Trace)
			traces[sc.Seed] = course
			if again && before != course {
				t.Errorf("seed %d took another course:\n%s", sc.Seed, difference(before, course))
			}
			return true
		})
	}
}

// nonces are the names that nodes give to steps and runs.
var nonces = regexp.MustCompile(`\bn\d+-\d{6}\b`)

// renamed numbers the nonces of a trace in the order in which they come up: which of two goroutines that begin at one moment draws which is
// not part of the course.
func renamed(trace string) string {
	names := map[string]string{}
	return nonces.ReplaceAllStringFunc(trace, func(nonce string) string {
		if names[nonce] == "" {
			names[nonce] = fmt.Sprintf("nonce-%06d", len(names)+1)
		}
		return names[nonce]
	})
}

// difference is where two texts part, with a little before and after.
func difference(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	part := func(s string) string { return s[max(0, n-300):min(len(s), n+200)] }
	return part(a) + "\n\n---\n\n" + part(b)
}

// The simulation finds the bugs that it is there to find.
func TestPlants(t *testing.T) {
	t.Parallel()
	for plant, within := range map[Plant]uint64{
		NoFence: 2_000, WildcardFence: 5_000, ReleaseBeforeEffects: 2_000, DuplicateInFlightIsSuccess: 20_000,
		InFlightIsSuccess: 2_000, StaleRead: 2_000, NoTaskID: 2_000, RepeatedWord: 20_000,
		NoArmFence: 120_000, NotOvertaken: 2_000,
	} {
		t.Run(string(plant), func(t *testing.T) {
			most := uint64(20_000)
			if testing.Short() {
				most = 5_000
			}
			if within > max(*seeds, most) {
				t.Skipf("shows within %d seeds: -seeds says that so many may be played", within)
			}
			var found Outcome
			var played uint64
			each(t, 0, within, Scenario{Plant: plant}, func(sc Scenario, o Outcome) bool {
				if found.Err == nil {
					played++
					found = o
				}
				return o.Err == nil
			})
			if found.Err == nil {
				t.Fatalf("not found in %d seeds", played)
			}
			t.Logf("found after %d seeds: %v", played, found.Err)
		})
	}
}

// A scenario is played as often as somebody wants to see it. What it shows gets a test beside the code that is at fault: in time, a seed takes
// another course.
func TestScenario(t *testing.T) {
	t.Parallel()
	if *scenario == "" {
		t.Skip("-scenario names none")
	}
	data, err := os.ReadFile(*scenario)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := ParseScenario(data)
	if err != nil {
		t.Fatal(err)
	}
	sc.Trace = true
	o := bubble(t, sc)
	t.Log(o.Trace)
	if o.Err != nil {
		t.Error(o.Err)
	}
}
