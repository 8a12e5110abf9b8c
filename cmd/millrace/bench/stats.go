package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Stats are percentiles of a series of measurements.
type Stats struct {
	N             int
	P50, P95, P99 time.Duration
	series        []time.Duration // sorted
}

// statsOf sorts the series and reads it.
func statsOf(series []time.Duration) Stats {
	if len(series) == 0 {
		return Stats{}
	}
	slices.Sort(series)
	at := func(q float64) time.Duration { return series[min(int(q*float64(len(series))), len(series)-1)] }
	return Stats{N: len(series), P50: at(0.50), P95: at(0.95), P99: at(0.99), series: series}
}

// probe is something that is timed again and again.
type probe struct {
	name   string
	once   func(context.Context) (time.Duration, error)
	series []time.Duration
}

// measure times each probe n times, in turns of one and each turn in another order: whatever else the machine does meanwhile, it does to
// all of them, and each finds the caches, the threads and the work in the background as another one left them. A core request that is
// sent again and again in a tight loop takes a third of the time that one takes on its own, because no thread falls asleep; nothing that
// an engine does is such a loop. A tenth of n before is not counted.
func measure(ctx context.Context, n int, progress func(done, of int), probes ...*probe) error {
	warm, turn := n/10+1, slices.Clone(probes)
	dice := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same orders in every run of the bench
	for i := range warm + n {
		if i%10 == 0 {
			progress(i, warm+n)
		}
		dice.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		for _, p := range turn {
			took, err := p.once(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			if i >= warm {
				p.series = append(p.series, took)
			}
		}
	}
	return nil
}
