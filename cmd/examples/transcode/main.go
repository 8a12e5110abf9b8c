// Command transcode makes small JPEGs of the pictures in a directory. Without arguments it is a worker; with two it uploads the
// pictures of the first directory, runs the workflow and waits until the results lie in the second.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pipeline"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	nc, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	switch len(os.Args) {
	case 1:
		err = worker.New(nc, pipeline.Queue,
			worker.Workflow(pipeline.Transcode), worker.Activity(pipeline.Shrink), worker.Activity(pipeline.WriteManifest),
		).Run(ctx)
	case 3:
		err = transcode(ctx, nc, os.Args[1], os.Args[2])
	default:
		err = fmt.Errorf("usage: %s [FROM TO]", filepath.Base(os.Args[0]))
	}
	if err != nil {
		log.Fatal(err)
	}
}

func transcode(ctx context.Context, nc *nats.Conn, from, to string) error {
	c, err := client.New(nc, client.DefaultQueue(pipeline.Queue))
	if err != nil {
		return err
	}
	id := "transcode-" + uuid.NewString()
	job := pipeline.Job{}
	if job.Out, err = filepath.Abs(to); err != nil {
		return err
	}
	if err := os.MkdirAll(job.Out, 0o750); err != nil { //nolint:gosec // the user names the directory
		return err
	}
	if job.Sources, err = pipeline.Upload(ctx, c, os.DirFS(from)); err != nil {
		return err
	}
	run, err := client.Start(ctx, c, pipeline.Transcode, job, client.ID(id))
	if err != nil {
		return err
	}
	manifest, err := run.Wait(ctx)
	for _, p := range manifest.Pictures {
		fmt.Println(p.Name, p.Width, p.Height, p.Size, p.SHA256, p.Error)
	}
	return err
}
