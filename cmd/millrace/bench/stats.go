package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Stats are percentiles of a series of measurements.
type Stats struct {
	N   int           `json:"n"`
	P50 time.Duration `json:"p50_ns"`
	P95 time.Duration `json:"p95_ns"`
	P99 time.Duration `json:"p99_ns"`
}

// statsOf sorts the series and reads it.
func statsOf(series []time.Duration) Stats {
	if len(series) == 0 {
		return Stats{}
	}
	slices.Sort(series)
	at := func(q float64) time.Duration { return series[min(int(q*float64(len(series))), len(series)-1)] }
	return Stats{N: len(series), P50: at(0.50), P95: at(0.95), P99: at(0.99)}
}

// probe is something that is timed again and again.
type probe struct {
	name   string
	once   func(context.Context) error
	series []time.Duration
}

// rounds is in how many turns the probes are timed.
const rounds = 10

// measure times each probe n times, in turns: whatever else the machine does meanwhile, it does to all of them, so that their ratio
// means something. A tenth of n before is not counted: it warms up.
func measure(ctx context.Context, n int, progress func(done, of int), probes ...*probe) error {
	for round := range rounds + 1 {
		progress(round, rounds)
		for _, p := range probes {
			for range (n + rounds - 1) / rounds {
				start := time.Now()
				if err := p.once(ctx); err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				if round > 0 {
					p.series = append(p.series, time.Since(start))
				}
			}
		}
	}
	return nil
}
