// Package stage runs an example: NATS, a node, a worker and a client in one process, on a directory that is removed afterwards.
package stage

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
)

// Queue is the task queue of the examples.
const Queue = "examples"

// Play is what an example does: it starts workflows, talks to them, and writes what comes of it.
type Play func(ctx context.Context, c *client.Client, out io.Writer) error

// Main runs an example until it ends or is interrupted.
func Main(play Play, opts ...worker.Option) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := Run(ctx, os.Stdout, play, opts...); err != nil {
		log.Fatal(err)
	}
}

// Run runs an example with a worker that has the given options.
func Run(ctx context.Context, out io.Writer, play Play, opts ...worker.Option) (err error) {
	dir, err := os.MkdirTemp("", "millrace-example-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	quiet := slog.New(slog.DiscardHandler)
	srv, err := orchestrator.Start(ctx, orchestrator.Options{Dir: dir, Sync: "1m", Logger: quiet})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Stop(context.WithoutCancel(ctx))) }()
	c, err := client.New(srv.Conn(), client.DefaultQueue(Queue))
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	opts = append(opts, worker.Logger(quiet), worker.OnReady(func() { close(ready) }))
	go func() { ended <- worker.New(srv.Conn(), Queue, opts...).Run(working) }()
	select {
	case <-ready:
		err = play(ctx, c, out)
		stop()
		return errors.Join(err, <-ended)
	case err := <-ended:
		stop()
		return err
	}
}
