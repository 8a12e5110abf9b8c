package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pipeline"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/worker"
)

// Node is what the node's process runs: a NATS and a node on a directory, until in ends.
func Node(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger, dir, listen string) error {
	ctx = whileOpen(ctx, in)
	srv, err := orchestrator.Start(context.WithoutCancel(ctx), orchestrator.Options{Dir: dir, Listen: listen, Logger: log})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(map[string]string{"url": srv.URL()}); err != nil {
		return err
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return srv.Stop(stop)
}

// Worker is what the worker's process runs: the pipeline, until in ends.
func Worker(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger, url string) error {
	nc, err := connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	ready := func() { _, _ = fmt.Fprintln(out, `"ready"`) } // a demo that is gone closed in as well
	return worker.New(nc, pipeline.Queue, worker.Slots(slots), worker.Logger(log), worker.OnReady(ready), worker.Grace(time.Second),
		worker.Workflow(pipeline.Transcode), worker.Activity(pipeline.Shrink), worker.Activity(pipeline.WriteManifest),
	).Run(whileOpen(ctx, in))
}

// whileOpen ends with ctx, or when in ends.
func whileOpen(ctx context.Context, in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	return ctx
}
