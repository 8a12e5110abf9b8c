package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// throughput measures n workflows with many in flight.
func throughput(ctx context.Context, n, inFlight int, once func(context.Context) error, progress func(done, of int)) (Workload, error) {
	series := make([]time.Duration, n)
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	start := time.Now()
	for i := range n {
		group.Go(func() error {
			took, err := timed(func() error { return once(ctx) })
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			series[i] = took
			if done++; done%100 == 0 {
				progress(done, n)
			}
			return nil
		})
	}
	err := group.Wait()
	w := Workload{InFlight: inFlight, PerSec: float64(n) / time.Since(start).Seconds()}
	w.set(statsOf(series))
	return w, err
}

// load measures many hellos, and many workflows with a local activity. A hello is held to five messages of the broker's rate, one with a
// local activity to two and a half. Where every publish is flushed the rate of publishes decides, since the server flushes each alone.
func load(ctx context.Context, s *session) error {
	rate, required, c := s.floor.Hops, 0.5, s.client
	if s.Options.Sync == "always" {
		rate, required = s.floor.Publishes, 0.7
	}
	for _, x := range []struct {
		name     string
		messages float64
		required float64
		once     func(context.Context) error
	}{
		{"hello throughput", 5, required, func(ctx context.Context) error { return ends(ctx, c, Hello, "Ada", "Hello Ada") }},
		{"local activity throughput", 2.5, 0.5, func(ctx context.Context) error { return ends(ctx, c, Local, "Ada", "Hello Ada") }},
	} {
		if !s.wants(x.name) {
			continue
		}
		w, err := throughput(ctx, s.Load, s.InFlight, x.once, func(done, of int) { s.Progress(x.name, done, of) })
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		w.Name, w.Floor, w.Required = x.name, rate/x.messages, x.required
		w.Ratio = w.PerSec / w.Floor
		s.add(w)
	}
	return nil
}
