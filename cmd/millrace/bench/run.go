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
	err = r.run(ctx, o, conns)
	return r, err
}

func (r *Report) run(ctx context.Context, o Options, conns []*nats.Conn) (err error) {
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
	if err := r.latency(ctx, o, conns, c); err != nil {
		return err
	}
	done := 0
	w, err := throughput(ctx, c, o.Load, o.InFlight, func() {
		done++
		o.Progress("throughput", done, o.Load)
	})
	if err != nil {
		return fmt.Errorf("throughput: %w", err)
	}
	r.Workloads = append(r.Workloads, w)
	return nil
}

// latency measures the floor and hello in turns.
func (r *Report) latency(ctx context.Context, o Options, conns []*nats.Conn, c *client.Client) error {
	b, stop, err := newBroker(ctx, conns[0], conns[1])
	if err != nil {
		return fmt.Errorf("prepare the floor: %w", err)
	}
	defer stop()
	request, publish := &probe{name: "core request", once: b.request}, &probe{name: "compare-and-set publish", once: b.publish}
	hop := &probe{name: "durable hop", once: b.hop}
	workflow := &probe{name: "hello", once: func(ctx context.Context) error { return hello(ctx, c) }}
	progress := func(done, of int) { o.Progress("floor and hello", done, of) }
	if err := measure(ctx, o.N, progress, request, publish, hop, workflow); err != nil {
		return err
	}
	f := Floor{Request: statsOf(request.series), CAS: statsOf(publish.series), Hop: statsOf(hop.series)}
	r.Floor = FloorMS{ms(f.Request.P50), ms(f.CAS.P50), ms(f.Hop.P50), ms(f.Hello())}
	r.Workloads = append(r.Workloads, latency(workflow.series, f.Hello()))
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
