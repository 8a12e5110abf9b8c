package sim

import (
	"os"
	"regexp"
	"sort"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
)

func TestOne(t *testing.T) {
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	synctest.Test(t, func(t *testing.T) {
		o := Play(Scenario{Seed: seed, Trace: true})
		t.Log(o.Trace)
		t.Log(seed, o.Events, o.Faults, o.Runs, o.Err)
	})
}

func TestMany(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	var mu sync.Mutex
	kinds := map[string][]uint64{}
	events, runs := 0, 0
	digits := regexp.MustCompile(`[0-9]+`)
	for g := range 2 {
		t.Run(strconv.Itoa(g), func(t *testing.T) {
			t.Parallel()
			for seed := g; seed < n; seed += 2 {
				synctest.Test(t, func(t *testing.T) {
					o := Play(Scenario{Seed: uint64(seed)})
					mu.Lock()
					defer mu.Unlock()
					events += o.Events
					runs += o.Runs
					if o.Err != nil {
						k := digits.ReplaceAllString(o.Err.Error(), "#")
						if len(k) > 60 {
							k = k[:60]
						}
						kinds[k] = append(kinds[k], uint64(seed))
					}
				})
			}
		})
	}
	t.Cleanup(func() {
		var ks []string
		for k := range kinds {
			ks = append(ks, k)
		}
		sort.Strings(ks)
		for _, k := range ks {
			t.Log(len(kinds[k]), k, kinds[k][:min(5, len(kinds[k]))])
		}
		t.Log("events", events, "runs", runs)
	})
}
