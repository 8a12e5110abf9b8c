package bench

import (
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

// repeat times f n times, after a tenth of that to warm up.
func repeat(n int, f func(i int) error) (Stats, error) {
	for i := range n / 10 {
		if err := f(i); err != nil {
			return Stats{}, err
		}
	}
	series := make([]time.Duration, n)
	for i := range series {
		start := time.Now()
		if err := f(i); err != nil {
			return Stats{}, err
		}
		series[i] = time.Since(start)
	}
	return statsOf(series), nil
}
