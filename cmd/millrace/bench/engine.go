package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const queue = "bench"

// Hello is the smallest workflow that does something: one activity.
func Hello(ctx workflow.Context, name string) (string, error) {
	return workflow.Do(ctx, Greet, name)
}

// Greet is its activity, and does nothing.
func Greet(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// Workload is one line of the report.
type Workload struct {
	Name     string        `json:"name"`
	N        int           `json:"n"`
	InFlight int           `json:"in_flight"`
	P50      float64       `json:"p50_ms"`
	P95      float64       `json:"p95_ms"`
	P99      float64       `json:"p99_ms"`
	PerSec   float64       `json:"per_s"`
	Floor    float64       `json:"floor"`
	Ratio    float64       `json:"ratio"`
	Wall     time.Duration `json:"-"`
}

// throughput measures n hellos with many in flight.
func throughput(ctx context.Context, c *client.Client, n, inFlight int, progress func()) (Workload, error) {
	series := make([]time.Duration, n)
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	start := time.Now()
	for i := range n {
		group.Go(func() error {
			began := time.Now()
			if err := hello(ctx, c); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			series[i] = time.Since(began)
			progress()
			return nil
		})
	}
	err := group.Wait()
	wall := time.Since(start)
	w := Workload{Name: "hello throughput", InFlight: inFlight, Wall: wall, PerSec: float64(n) / wall.Seconds()}
	w.set(statsOf(series))
	return w, err
}

// latency is the line of hellos that were run one after the other, against the floor's sum.
func latency(series []time.Duration, floor time.Duration) Workload {
	var wall time.Duration
	for _, d := range series {
		wall += d
	}
	w := Workload{Name: "hello", InFlight: 1, Floor: ms(floor), Wall: wall, PerSec: float64(len(series)) / wall.Seconds()}
	w.set(statsOf(series))
	w.Ratio = w.P50 / w.Floor
	return w
}

func (w *Workload) set(s Stats) { w.N, w.P50, w.P95, w.P99 = s.N, ms(s.P50), ms(s.P95), ms(s.P99) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// hello runs one workflow to its end and checks what it says.
func hello(ctx context.Context, c *client.Client) error {
	run, err := client.Start(ctx, c, Hello, "Ada", client.Queue(queue))
	if err != nil {
		return err
	}
	got, err := run.Wait(ctx)
	if err != nil {
		return err
	}
	if got != "Hello Ada" {
		return fmt.Errorf("workflow %s answered %q", run.ID(), got)
	}
	return nil
}
