package bench_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var quiet = slog.New(slog.DiscardHandler)

func greet(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

func greeting(ctx workflow.Context, name string) (string, error) {
	return workflow.Do(ctx, greet, name)
}

// BenchmarkHello runs a workflow with one activity from its start to its result, and BenchmarkHellos many at once.
func BenchmarkHello(b *testing.B) {
	c := engine(b)
	for b.Loop() {
		run(b, c)
	}
}

func BenchmarkHellos(b *testing.B) {
	c := engine(b)
	b.ResetTimer() // the engine is not part of it
	b.SetParallelism(100)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			run(b, c)
		}
	})
}

// engine is a node with a worker.
func engine(b *testing.B) *client.Client {
	b.Helper()
	srv, err := orchestrator.Start(b.Context(), orchestrator.Options{Dir: b.TempDir(), Sync: never, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(srv.Conn(), queue, worker.Workflow(greeting), worker.Activity(greet), worker.Logger(quiet),
		worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	<-ready
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := srv.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return srv.Client()
}

func run(b *testing.B, c *client.Client) {
	b.Helper()
	run, err := client.Start(b.Context(), c, greeting, "Ada", client.Queue(queue))
	if err != nil {
		b.Error(err)
		return
	}
	if got, err := run.Wait(b.Context()); err != nil || got != "Hello Ada" {
		b.Errorf("got %q, %v", got, err)
	}
}
