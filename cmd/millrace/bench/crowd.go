package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// crowd measures what happens when much is under way: the broker's rates, many workflows at once, and one with many activities at once.
// They take turns, so that whatever else the machine does meanwhile, it does to all of them.
func crowd(ctx context.Context, s *session) error {
	loads, fans := s.loads(), s.fans()
	var hops, publishes []float64
	for i := range rounds {
		s.Progress("the broker's rate", i, rounds)
		h, p, err := s.broker.rates(ctx, s.Load)
		if err != nil {
			return err
		}
		hops, publishes = append(hops, h), append(publishes, p)
		for _, l := range loads {
			if err := l.round(ctx, s, s.Load, s.InFlight, i); err != nil {
				return err
			}
		}
		for _, f := range fans {
			progress := func(done, of int) { s.Progress(f.probe.name, i*of+done, rounds*of) }
			if err := measure(ctx, max(s.N*10/f.width/rounds, min(4, s.N)), progress, f.probe); err != nil {
				return err
			}
		}
	}
	slices.Sort(hops)
	s.floor.Hops, s.floor.UsualHops, s.floor.Publishes = slices.Max(hops), hops[rounds/2], slices.Max(publishes)
	for _, l := range loads {
		s.add(l.line(s))
	}
	for _, f := range fans {
		floor := time.Duration(float64(2*f.width) / s.floor.UsualHops * float64(time.Second)) // tasks and results
		s.add(latencyOf(f.probe.name, f.probe.series, floor, 2.5, 0))
	}
	return nil
}

// messagesOfHello is how many messages of the broker's rate a hello is held to.
const messagesOfHello = 5

// crowded is a workload of many workflows at once.
type crowded struct {
	name     string
	messages float64 // of the broker's rate that it is held to
	flushed  float64 // the ratio that is required where every publish is flushed; it is 0.5 elsewhere
	once     func(context.Context) error
	stats    Stats // of the best round
	rate     float64
}

func (s *session) loads() []*crowded {
	return s.wanted([]*crowded{
		{name: "hello throughput", messages: messagesOfHello, flushed: 0.7, once: s.hello},
		{name: "local activity throughput", messages: 2.5, flushed: 0.5, once: func(ctx context.Context) error {
			return ends(ctx, s.client, Local, "Ada", "Hello Ada")
		}},
	})
}

func (s *session) wanted(all []*crowded) []*crowded {
	return slices.DeleteFunc(all, func(c *crowded) bool { return !s.wants(c.name) })
}

// round keeps the best of the rounds.
func (c *crowded) round(ctx context.Context, s *session, n, inFlight, i int) error {
	progress := func(done int) { s.Progress(c.name, i*n+done, rounds*n) }
	stats, rate, err := throughput(ctx, n, inFlight, c.once, progress)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if rate > c.rate {
		c.stats, c.rate = stats, rate
	}
	return nil
}

// line judges the best round. Where every publish is flushed the rate of publishes decides, since the server flushes each alone.
func (c *crowded) line(s *session) Workload {
	rate, required := s.floor.Hops, 0.5
	if s.Sync == "always" {
		rate, required = s.floor.Publishes, c.flushed
	}
	w := Workload{Name: c.name, InFlight: s.InFlight, PerSec: c.rate, Floor: rate / c.messages, Required: required}
	w.judge(c.stats)
	return w
}

// fan is a workflow with many activities at once.
type fan struct {
	width int
	probe *probe
}

func (s *session) fans() (all []fan) {
	for _, width := range []int{100, 1000} {
		name := fmt.Sprintf("fan-out %d", width)
		if !s.wants(name) {
			continue
		}
		all = append(all, fan{width, &probe{name: name, once: func(ctx context.Context) (time.Duration, error) {
			return timed(func() error { return ends(ctx, s.client, Fan, width, width) })
		}}})
	}
	return all
}
