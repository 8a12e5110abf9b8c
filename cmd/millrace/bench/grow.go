package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Point is what a hello costs at one point of a series: with so many in flight, workers, shards or closed runs.
type Point struct {
	By string `json:"by"`
	At int    `json:"at"`
	// P50 is of one that runs alone, or of those in flight where these are the series; Floor and Ratio belong to one that runs alone.
	P50   float64 `json:"p50_ms"`
	Floor float64 `json:"floor,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
	// PerSec is how many end per second with InFlight at once, in the best of several rounds, FloorPerSec what the broker manages at the
	// same time, and RatioPerSec one to the other.
	InFlight    int     `json:"in_flight"`
	PerSec      float64 `json:"per_s"`
	FloorPerSec float64 `json:"floor_per_s"`
	RatioPerSec float64 `json:"ratio_per_s"`
	// Change is how much dearer a hello is than at the series' first point: the worse of the growth of Ratio and the loss of RatioPerSec.
	// Required is the most that it may be.
	Change   float64 `json:"change"`
	Required float64 `json:"required,omitempty"`
	Met      bool    `json:"met"`
}

// flat is how much dearer a hello may become by closed runs.
const flat = 0.20

// grow measures how the cost of a hello grows with what there is more of. Each series but the first has a layout of its own.
func grow(ctx context.Context, s *session) error {
	if s.Grow == 0 {
		return nil
	}
	for _, series := range []func(context.Context, *session) ([]Point, error){byInFlight, byWorkers, byShards, byClosed} {
		points, err := series(ctx, s)
		if err != nil {
			return err
		}
		s.report.Grow = append(s.report.Grow, compared(points)...)
	}
	return nil
}

// compared says how a series' points differ from its first.
func compared(points []Point) []Point {
	for i := range points {
		p, first := &points[i], points[0]
		p.Change = first.RatioPerSec/p.RatioPerSec - 1
		if first.Ratio > 0 {
			p.Change = max(p.Change, p.Ratio/first.Ratio-1)
		}
		p.Met = p.Required == 0 || p.Change <= p.Required
	}
	return points
}

func byInFlight(ctx context.Context, s *session) (points []Point, err error) {
	for _, n := range []int{1, 10, 100, 1000} {
		count := s.Load
		if n == 1 {
			count = s.N
		}
		p := Point{By: "in flight", At: n}
		stats, err := p.rate(ctx, s, count, n)
		if err != nil {
			return nil, err
		}
		p.P50 = ms(stats.P50)
		points = append(points, p)
	}
	return points, nil
}

func byWorkers(ctx context.Context, s *session) (points []Point, err error) {
	o := s.Options
	o.Workers = 1
	err = elsewhere(ctx, o, func(s *session) error {
		for _, n := range []int{1, 2, 4} {
			for ; s.Workers < n; s.Workers++ {
				if err := s.site.work(); err != nil {
					return err
				}
			}
			p, err := s.point(ctx, "workers", n)
			if err != nil {
				return err
			}
			points = append(points, p)
		}
		return nil
	})
	return points, err
}

func byShards(ctx context.Context, s *session) (points []Point, err error) {
	for _, n := range []int{2, 8, 32} {
		o := s.Options
		o.Shards = n
		if err := elsewhere(ctx, o, func(s *session) error {
			p, err := s.point(ctx, "shards", n)
			points = append(points, p)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return points, nil
}

// byClosed counts the runs that its own measurements leave behind as well: a point has at least so many.
func byClosed(ctx context.Context, s *session) (points []Point, err error) {
	err = elsewhere(ctx, s.Options, func(s *session) error {
		closed := 0
		for n := 1000; n <= s.Grow; n *= 10 {
			progress := func(done int) { s.Progress("closing runs", closed+done, n) }
			if _, _, err := throughput(ctx, max(n-closed, 0), s.InFlight, s.hello, progress); err != nil {
				return err
			}
			p, err := s.point(ctx, "closed runs", n)
			if err != nil {
				return err
			}
			p.Required = flat
			closed = max(closed, n) + s.runsOfPoint()
			points = append(points, p)
		}
		return nil
	})
	return points, err
}

// elsewhere does something on another layout.
func elsewhere(ctx context.Context, o Options, f func(*session) error) (err error) {
	s, err := open(ctx, o)
	defer func() { err = errors.Join(err, s.close()) }()
	if err != nil {
		return err
	}
	return f(s)
}

// runsOfPoint is how many runs a point takes.
func (s *session) runsOfPoint() int { return s.N + s.N/10 + 1 + rounds*s.Load }

func (p *Point) name() string { return fmt.Sprintf("hello with %s %s", grouped(int64(p.At)), p.By) }

// point measures a hello alone, in turns with the floor, and then many at once.
func (s *session) point(ctx context.Context, by string, at int) (Point, error) {
	p := Point{By: by, At: at}
	hello := &probe{name: p.name(), once: func(ctx context.Context) (time.Duration, error) {
		return timed(func() error { return s.hello(ctx) })
	}}
	probes := s.broker.probes()
	progress := func(done, of int) { s.Progress(p.name(), done, of) }
	if err := measure(ctx, s.N, progress, append(probes, hello)...); err != nil {
		return p, err
	}
	s.floor.read(probes)
	p.P50, p.Floor = ms(statsOf(hello.series).P50), ms(s.floor.of(bareHello))
	p.Ratio = p.P50 / p.Floor
	_, err := p.rate(ctx, s, s.Load, s.InFlight)
	return p, err
}

// rate measures many at once, in turns with the broker's rate.
func (p *Point) rate(ctx context.Context, s *session, n, inFlight int) (Stats, error) {
	p.InFlight = inFlight
	many := &crowded{name: p.name(), once: s.hello}
	for i := range rounds {
		hops, publishes, err := s.broker.rates(ctx, s.Load)
		if err != nil {
			return Stats{}, err
		}
		floor := hops / messagesOfHello
		if s.Sync == "always" {
			floor = publishes / messagesOfHello
		}
		p.FloorPerSec = max(p.FloorPerSec, floor)
		if err := many.round(ctx, s, n, inFlight, i); err != nil {
			return Stats{}, err
		}
	}
	p.PerSec = many.rate
	p.RatioPerSec = p.PerSec / p.FloorPerSec
	return many.stats, nil
}

func (r *Report) growSheet() *sheet {
	s := &sheet{head: []string{
		"a hello with more", "of them", "p50 ms", "floor", "ratio", "in flight", "per second", "floor", "ratio",
		"dearer by", "required", "",
	}}
	for _, p := range r.Grow {
		floor, ratio, required, verdict := "", "", "", ""
		if p.Ratio > 0 {
			floor, ratio = msText(p.Floor), figure(p.Ratio)
		}
		if p.Required > 0 {
			required, verdict = fmt.Sprintf("<= %.0f %%", 100*p.Required), missed
			if p.Met {
				verdict = met
			}
		}
		s.add(p.By, grouped(int64(p.At)), figure(p.P50), floor, ratio, grouped(int64(p.InFlight)), figure(p.PerSec),
			figure(p.FloorPerSec)+" /s", figure(p.RatioPerSec), fmt.Sprintf("%+.0f %%", 100*p.Change), required, verdict)
	}
	return s
}
