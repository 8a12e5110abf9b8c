package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

// Workload is one line of the report.
type Workload struct {
	Name     string  `json:"name"`
	N        int     `json:"n"`
	InFlight int     `json:"in_flight"`
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	P99      float64 `json:"p99_ms"`
	PerSec   float64 `json:"per_s"`
	// Floor is what the broker alone takes: milliseconds, or per second where many run at once. Ratio is P50 or PerSec to it.
	Floor    float64 `json:"floor"`
	Ratio    float64 `json:"ratio"`
	P99Ratio float64 `json:"p99_ratio,omitempty"`
	// Required is the ratio that the engine is held to: at most, or at least where many run at once. RequiredP99 is the most that P99
	// may be. Zero means that there is no such bound.
	Required    float64 `json:"required,omitempty"`
	RequiredP99 float64 `json:"required_p99,omitempty"`
	Met         bool    `json:"met"`

	stats Stats
}

// many reports whether the line is about throughput.
func (w *Workload) many() bool { return w.InFlight > 1 }

// judge compares what was measured with the floor.
func (w *Workload) judge(s Stats) {
	w.N, w.P50, w.P95, w.P99, w.stats = s.N, ms(s.P50), ms(s.P95), ms(s.P99), s
	if w.many() {
		w.Ratio = w.PerSec / w.Floor
	} else {
		w.Ratio, w.P99Ratio = w.P50/w.Floor, w.P99/w.Floor
	}
	w.Met = w.within() && w.withinP99()
}

// within reports whether the ratio is what is required.
func (w *Workload) within() bool {
	switch {
	case w.Required == 0:
		return true
	case w.many():
		return w.Ratio >= w.Required
	}
	return w.Ratio <= w.Required
}

func (w *Workload) withinP99() bool { return w.RequiredP99 == 0 || w.P99Ratio <= w.RequiredP99 }

// bound is the required ratio in words.
func (w *Workload) bound() string {
	switch {
	case w.Required == 0:
		return ""
	case w.many():
		return fmt.Sprintf(">= %.1f", w.Required)
	case w.RequiredP99 > 0:
		return fmt.Sprintf("<= %.1f, p99 <= %.1f", w.Required, w.RequiredP99)
	}
	return fmt.Sprintf("<= %.1f", w.Required)
}

func (w *Workload) verdict() string {
	switch {
	case w.Required == 0:
		return ""
	case w.Met:
		return met
	case w.within():
		return missed + " by p99"
	}
	return missed
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// single is a workload that is measured one at a time.
type single struct {
	name     string
	bare     bare
	required float64
	p99      float64 // the p99 that is required
	once     func(context.Context) error
}

const chainLength = 10

// singles are the workloads that one client waits for. run is a Listen that is open.
func (s *session) singles(run string) []single {
	c := s.client
	return []single{
		{"hello", bareHello, 1.8, 4, s.hello},
		{"chain of 10", bareActivity.times(chainLength), 1.8, 0, func(ctx context.Context) error {
			return ends(ctx, c, Chain, chainLength, chainLength)
		}},
		{"local activity", bareStep, 1.8, 0, func(ctx context.Context) error { return ends(ctx, c, Local, "Ada", "Hello Ada") }},
		// A signal is answered when the run's code has reacted to it and the step is recorded.
		{"signal to reaction", bareStep, 2, 0, func(ctx context.Context) error { return client.Signal(ctx, c, run, poke, 1) }},
		{"update", bareStep, 2, 0, func(ctx context.Context) error {
			_, err := client.Update(ctx, c, run, raise, 1)
			return err
		}},
		{"query", bareQuery, 2, 0, func(ctx context.Context) error {
			_, err := client.Query(ctx, c, run, count, struct{}{})
			return err
		}},
	}
}

func (s *session) hello(ctx context.Context) error {
	return ends(ctx, s.client, Hello, "Ada", "Hello Ada")
}

// ends runs a workflow to its end and checks what it says.
func ends[C, I any, O comparable](ctx context.Context, c *client.Client, wf func(C, I) (O, error), in I, want O) error {
	run, err := client.Start(ctx, c, wf, in, client.Queue(queue))
	if err != nil {
		return err
	}
	got, err := run.Wait(ctx)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("workflow %s answered %v", run.ID(), got)
	}
	return nil
}

// latency measures the floor and the workloads that one client waits for, in turns.
func latency(ctx context.Context, s *session) error {
	run, err := client.Start(ctx, s.client, Listen, struct{}{}, client.Queue(queue))
	if err != nil {
		return err
	}
	probes := s.broker.probes()
	all := s.singles(run.ID())
	for _, x := range all {
		if s.wants(x.name) {
			probes = append(probes, &probe{name: x.name, once: func(ctx context.Context) (time.Duration, error) {
				return timed(func() error { return x.once(ctx) })
			}})
		}
	}
	progress := func(done, of int) { s.Progress("one at a time", done, of) }
	if err := measure(ctx, s.N, progress, probes...); err != nil {
		return err
	}
	s.floor.read(probes)
	for _, x := range all {
		for _, p := range probes {
			if p.name == x.name {
				s.add(latencyOf(x.name, p.series, s.floor.of(x.bare), x.required, x.p99))
			}
		}
	}
	return client.Signal(ctx, s.client, run.ID(), poke, -1)
}

func latencyOf(name string, series []time.Duration, floor time.Duration, required, p99 float64) Workload {
	var wall time.Duration
	for _, d := range series {
		wall += d
	}
	w := Workload{
		Name: name, InFlight: 1, Floor: ms(floor), PerSec: float64(len(series)) / wall.Seconds(), Required: required, RequiredP99: p99,
	}
	w.judge(statsOf(series))
	return w
}
