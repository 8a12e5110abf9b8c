// Command hello runs the greetings. Alone it runs everything in one process; with NATS_URL it is a worker only.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/examples/hello/greetings"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if url := os.Getenv("NATS_URL"); url != "" {
		err = serve(ctx, url)
	} else {
		err = alone(ctx, os.Stdout, cmp.Or(os.Getenv("HELLO_DIR"), "hello-data"))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve runs a worker until it is interrupted. Start a greeting with
// millrace start greetings.Greet --queue greetings --input '"Ada"' --wait.
func serve(ctx context.Context, url string) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	return newWorker(nc).Run(ctx)
}

func newWorker(nc *nats.Conn) *worker.Worker {
	return worker.New(nc, greetings.Queue, worker.Workflow(greetings.Greet), worker.Activity(greetings.Hello))
}

// alone runs NATS, a node, a worker and a client in this process.
func alone(ctx context.Context, out io.Writer, dir string) error {
	srv, err := orchestrator.Start(ctx, orchestrator.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer srv.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // the process ends next
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- newWorker(srv.Conn()).Run(working) }()
	err = greet(ctx, srv.Client(), out)
	stop()
	return errors.Join(err, <-ended)
}

func greet(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, greetings.Greet, "Ada", client.Queue(greetings.Queue))
	if err != nil {
		return err
	}
	greeting, err := run.Wait(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, greeting)
	return err
}
