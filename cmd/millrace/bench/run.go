package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
)

// Options say what to measure. Zero means the default.
type Options struct {
	// N is how many hellos are measured one after the other. Defaults to 500.
	N int
	// Load is how many are run for throughput, and InFlight how many of them at once. Default to 2,000 and 50.
	Load, InFlight int
	// Sync is the store's setting, as in orchestrator.Options. Defaults to "always".
	Sync string
	// Progress is told what is being measured, and how far it is.
	Progress func(what string, done, of int)
}

func (o Options) withDefaults() Options {
	if o.N == 0 {
		o.N = 500
	}
	if o.Load == 0 {
		o.Load = 2000
	}
	if o.InFlight == 0 {
		o.InFlight = 50
	}
	if o.Sync == "" {
		o.Sync = "always"
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o
}

// Report is what was measured. Its JSON form is stable.
type Report struct {
	Layout    string     `json:"layout"`
	Sync      string     `json:"sync"`
	Floor     FloorMS    `json:"floor"`
	Workloads []Workload `json:"workloads"`
}

// FloorMS is the floor in milliseconds.
type FloorMS struct {
	Request float64 `json:"core_request_ms"`
	CAS     float64 `json:"cas_publish_ms"`
	Hop     float64 `json:"durable_hop_ms"`
	Hello   float64 `json:"hello_ms"`
}

// Run measures the floor and the engine on one server with a file store, everything over TCP loopback: the orchestrator, the
// worker and the client have a connection each.
func Run(ctx context.Context, o Options) (*Report, error) {
	o = o.withDefaults()
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	srv, err := embedded.Start(embedded.Options{Dir: dir, Listen: "127.0.0.1:0", Sync: o.Sync})
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	conns, closeAll, err := connect(srv.URL(), 3)
	if err != nil {
		return nil, err
	}
	defer closeAll()

	r := &Report{Layout: "one process, TCP loopback", Sync: o.Sync}
	o.Progress("floor", 0, 1)
	floor, err := measureFloor(ctx, conns[0], conns[1], o.N)
	if err != nil {
		return nil, fmt.Errorf("measure the floor: %w", err)
	}
	r.Floor = FloorMS{ms(floor.Request.P50), ms(floor.CAS.P50), ms(floor.Hop.P50), ms(floor.Hello())}
	return r, runEngine(ctx, o, conns, floor, r)
}

func runEngine(ctx context.Context, o Options, conns []*nats.Conn, floor Floor, r *Report) (err error) {
	quiet := slog.New(slog.DiscardHandler)
	node, err := orchestrator.Attach(ctx, conns[0], orchestrator.Options{Logger: quiet})
	if err != nil {
		return err
	}
	defer node.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // the server goes away next
	stop, err := startWorker(ctx, conns[1], quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	c, err := client.New(conns[2])
	if err != nil {
		return err
	}
	o.Progress("hello", 0, 1)
	w, err := latency(ctx, c, o.N, floor.Hello())
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	r.Workloads = append(r.Workloads, w)
	done := 0
	w, err = throughput(ctx, c, o.Load, o.InFlight, func() {
		done++
		o.Progress("throughput", done, o.Load)
	})
	if err != nil {
		return fmt.Errorf("throughput: %w", err)
	}
	r.Workloads = append(r.Workloads, w)
	return nil
}

// startWorker runs a worker until stop is called, and returns once it takes tasks.
func startWorker(ctx context.Context, nc *nats.Conn, log *slog.Logger) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, queue, worker.Workflow(Hello), worker.Activity(Greet), worker.Logger(log),
		worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-ready:
		return func() error { cancel(); return <-ended }, nil
	case err := <-ended:
		cancel()
		return nil, err
	}
}

func connect(url string, n int) (conns []*nats.Conn, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range conns {
			c.Close()
		}
	}
	for range n {
		c, err := nats.Connect(url)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conns = append(conns, c)
	}
	return conns, closeAll, nil
}
