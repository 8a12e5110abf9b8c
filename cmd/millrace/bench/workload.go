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
	Floor float64 `json:"floor"`
	Ratio float64 `json:"ratio"`
	// Required is the ratio that the engine is held to: at most, or at least where many run at once.
	Required float64 `json:"required,omitempty"`

	stats Stats
}

// many reports whether the line is about throughput.
func (w Workload) many() bool { return w.InFlight > 1 }

func (w *Workload) set(s Stats) {
	w.N, w.P50, w.P95, w.P99, w.stats = s.N, ms(s.P50), ms(s.P95), ms(s.P99), s
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// single is a workload that is measured one at a time.
type single struct {
	name     string
	floor    func(Floor) time.Duration
	required float64
	once     func(context.Context) (time.Duration, error)
}

const chainLength = 10

// singles are the workloads that one client waits for. run is a Listen that is open.
func singles(c *client.Client, run string) []single {
	plain := func(f func(context.Context) error) func(context.Context) (time.Duration, error) {
		return func(ctx context.Context) (time.Duration, error) { return timed(func() error { return f(ctx) }) }
	}
	return []single{
		{"hello", Floor.Hello, 1.8, plain(func(ctx context.Context) error { return ends(ctx, c, Hello, "Ada", "Hello Ada") })},
		{"chain of 10", func(f Floor) time.Duration { return chainLength * f.Activity() }, 1.8, plain(func(ctx context.Context) error {
			return ends(ctx, c, Chain, chainLength, chainLength)
		})},
		{"local activity", Floor.Step, 1.8, plain(func(ctx context.Context) error { return ends(ctx, c, Local, "Ada", "Hello Ada") })},
		// A signal is answered when the run's code has reacted to it and the step is recorded.
		{"signal to reaction", Floor.Step, 2, plain(func(ctx context.Context) error { return client.Signal(ctx, c, run, poke, 1) })},
		{"update", Floor.Step, 2, plain(func(ctx context.Context) error {
			_, err := client.Update(ctx, c, run, raise, 1)
			return err
		})},
		{"query", func(f Floor) time.Duration { return f.Request.P50 }, 2, plain(func(ctx context.Context) error {
			_, err := client.Query(ctx, c, run, count, struct{}{})
			return err
		})},
	}
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
	b := s.broker
	request, publish := &probe{name: "core request", once: b.request}, &probe{name: "compare-and-set publish", once: b.publish}
	probes := []*probe{request, publish, {name: "durable hop", once: b.hop}}
	all := singles(s.client, run.ID())
	for _, x := range all {
		if s.wants(x.name) {
			probes = append(probes, &probe{name: x.name, once: x.once})
		}
	}
	progress := func(done, of int) { s.Progress("one at a time", done, of) }
	if err := measure(ctx, s.N, progress, probes...); err != nil {
		return err
	}
	s.floor.Request, s.floor.CAS, s.floor.Hop = statsOf(request.series), statsOf(publish.series), statsOf(probes[2].series)
	for _, x := range all {
		for _, p := range probes {
			if p.name == x.name {
				s.add(latencyOf(x.name, p.series, x.floor(s.floor), x.required))
			}
		}
	}
	return client.Signal(ctx, s.client, run.ID(), poke, -1)
}

func latencyOf(name string, series []time.Duration, floor time.Duration, required float64) Workload {
	var wall time.Duration
	for _, d := range series {
		wall += d
	}
	w := Workload{Name: name, InFlight: 1, Floor: ms(floor), PerSec: float64(len(series)) / wall.Seconds(), Required: required}
	w.set(statsOf(series))
	w.Ratio = w.P50 / w.Floor
	return w
}

// fanOuts measure one workflow with many activities at once.
func fanOuts(ctx context.Context, s *session) error {
	for _, width := range []int{100, 1000} {
		name := fmt.Sprintf("fan-out %d", width)
		if !s.wants(name) {
			continue
		}
		fan := &probe{name: name, once: func(ctx context.Context) (time.Duration, error) {
			return timed(func() error { return ends(ctx, s.client, Fan, width, width) })
		}}
		progress := func(done, of int) { s.Progress(name, done, of) }
		if err := measure(ctx, max(s.N*10/width, 2), progress, fan); err != nil {
			return err
		}
		floor := time.Duration(float64(2*width) / s.floor.Hops * float64(time.Second)) // tasks and results
		s.add(latencyOf(name, fan.series, floor, 2.5))
	}
	return nil
}
