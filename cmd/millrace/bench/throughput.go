package bench

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// rounds is how often a rate is measured: the best counts, for the engine as for the broker. A rate is what they can do.
const rounds = 3

// throughput measures n workflows with many in flight.
func throughput(ctx context.Context, n, inFlight int, once func(context.Context) error, progress func(done int)) (Stats, float64, error) {
	series := make([]time.Duration, n)
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	start := time.Now()
	for i := range n {
		group.Go(func() (err error) {
			series[i], err = timed(func() error { return once(ctx) })
			if d := done.Add(1); d%100 == 0 {
				progress(int(d))
			}
			return err
		})
	}
	err := group.Wait()
	return statsOf(series), float64(n) / time.Since(start).Seconds(), err
}
