package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
	"github.com/millrace-dev/millrace/protocol/propagation"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// with runs Greet on a worker and with a client that have these options, and returns the client.
func with(workers []worker.Option, clients []client.Option, use func(context.Context, *client.Client)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.stop()
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	quiet := worker.Logger(slog.New(slog.DiscardHandler))
	w := worker.New(srv.Conn(), "greetings", append(workers, quiet, worker.Workflow(Greet))...)
	go func() { ended <- w.Run(working) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			fmt.Println(err)
		}
	}()
	c, err := client.New(srv.Conn(), append(clients, client.DefaultQueue("greetings"))...)
	if err != nil {
		fmt.Println(err)
		return
	}
	use(ctx, c)
}

// With codecs, what users send is encrypted wherever NATS keeps it.
func ExampleCodec() {
	ring, err := aesgcm.NewRing("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, aesgcm.KeySize)})
	if err != nil {
		fmt.Println(err)
		return
	}
	codecs := []codec.Codec{zstd.New(), aesgcm.New(ring)}
	with([]worker.Option{worker.Activity(Hello), worker.Codec(codecs...)}, []client.Option{client.Codec(codecs...)},
		func(ctx context.Context, c *client.Client) {
			run, err := client.Start(ctx, c, Greet, "Ada")
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(run.Wait(ctx))
		})
	// Output: Hello Ada <nil>
}

// Interceptors wrap what a worker runs. The first one is the outermost.
func ExampleIntercept() {
	loud := worker.Intercept(worker.Interceptor{Activity: func(next worker.ActivityFunc) worker.ActivityFunc {
		return func(ctx context.Context, in protocol.Payload) (protocol.Payload, error) {
			out, err := next(ctx, in)
			fmt.Println(activity.Info(ctx).Type, in, "gives", out)
			return out, err
		}
	}})
	slow := worker.Intercept(worker.Interceptor{Workflow: workflow.Interceptor{
		Timer: func(next workflow.TimerFunc) workflow.TimerFunc {
			return func(ctx workflow.Context, d time.Duration, done func(error)) { next(ctx, 2*d, done) }
		},
	}})
	with([]worker.Option{worker.Activity(Hello), loud, slow}, nil, func(ctx context.Context, c *client.Client) {
		run, err := client.Start(ctx, c, Greet, "Ada")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(run.Wait(ctx))
	})
	// Output:
	// worker_test.Hello "Ada" gives "Hello Ada"
	// Hello Ada <nil>
}

// What the caller's context carries reaches the context of the activity.
func ExamplePropagator() {
	hello := func(ctx context.Context, name string) (string, error) {
		return "Hello " + name + " of " + propagation.Headers(ctx)["tenant"], nil
	}
	tenant := propagation.Keys("tenant")
	with([]worker.Option{worker.Activity(hello, worker.Named("worker_test.Hello")), worker.Propagator(tenant)},
		[]client.Option{client.Propagator(tenant)},
		func(ctx context.Context, c *client.Client) {
			ctx = propagation.WithHeaders(ctx, map[string]string{"tenant": "north"})
			run, err := client.Start(ctx, c, Greet, "Ada")
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(run.Wait(ctx))
		})
	// Output: Hello Ada of north <nil>
}
