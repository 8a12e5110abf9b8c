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
	// PerSec is how many end per second with InFlight at once.
	InFlight int     `json:"in_flight"`
	PerSec   float64 `json:"per_s"`
	// Change is how much dearer a hello is than at the series' first point: the worse of the growth of Ratio and the loss of PerSec.
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
		p.Change = first.PerSec/p.PerSec - 1
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
		stats, rate, err := s.best(ctx, fmt.Sprintf("hello with %d in flight", n), count, n, s.hello)
		if err != nil {
			return nil, err
		}
		points = append(points, Point{By: "in flight", At: n, P50: ms(stats.P50), InFlight: n, PerSec: rate})
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

// point measures a hello alone, in turns with the floor, and then many at once.
func (s *session) point(ctx context.Context, by string, at int) (Point, error) {
	name := fmt.Sprintf("hello with %s %s", grouped(int64(at)), by)
	hello := &probe{name: name, once: func(ctx context.Context) (time.Duration, error) {
		return timed(func() error { return s.hello(ctx) })
	}}
	probes := s.broker.probes()
	progress := func(done, of int) { s.Progress(name, done, of) }
	if err := measure(ctx, s.N, progress, append(probes, hello)...); err != nil {
		return Point{}, err
	}
	s.floor.read(probes)
	_, rate, err := s.best(ctx, name, s.Load, s.InFlight, s.hello)
	p := Point{By: by, At: at, P50: ms(statsOf(hello.series).P50), Floor: ms(s.floor.of(bareHello)), InFlight: s.InFlight, PerSec: rate}
	p.Ratio = p.P50 / p.Floor
	return p, err
}

func (r *Report) growSheet() *sheet {
	s := &sheet{head: []string{
		"a hello with more", "of them", "p50 ms", "floor", "ratio", "in flight", "per second", "dearer by", "required", "",
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
			fmt.Sprintf("%+.0f %%", 100*p.Change), required, verdict)
	}
	return s
}
