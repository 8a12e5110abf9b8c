// Command bigfile compresses a file of any size: it goes to the object store as it is read, its parts are compressed side by side, joined,
// and compared with the file. Nothing of it is ever in memory as a whole, nor in a history.
//
//	go run ./cmd/examples/bigfile FILE
//
// writes FILE.gz. Without a FILE it compresses a text of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

func main() {
	if len(os.Args) > 1 {
		stage.Main(compress(os.Args[1]), options()...)
		return
	}
	stage.Main(sample, options()...)
}

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Compress), worker.Activity(Squeeze), worker.Activity(Join), worker.Activity(Verify)}
}

// sample compresses ten megabytes of text.
func sample(ctx context.Context, c *client.Client, out io.Writer) error {
	text := strings.NewReader(strings.Repeat("What is written once is read again and again.\n", 220_000))
	result, err := through(ctx, c, out, text, 1<<20)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d parts, %d bytes, all of them as before, in a hundredth of the room: %t\n",
		result.Parts, result.Original.Size, result.Compressed.Size < result.Original.Size/100)
	return nil
}

// compress compresses a file.
func compress(path string) stage.Play {
	return func(ctx context.Context, c *client.Client, out io.Writer) error {
		in, err := os.Open(path) //nolint:gosec // the user's own
		if err != nil {
			return err
		}
		defer in.Close()
		result, err := through(ctx, c, out, in, 64<<20)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d bytes of %d are left\n", result.Compressed.Size, result.Original.Size)
		return save(ctx, c, result.Compressed, path+".gz")
	}
}

// through sends what r delivers through the workflow, and shows how far it is.
func through(ctx context.Context, c *client.Client, out io.Writer, r io.Reader, part int64) (Result, error) {
	file, err := c.PutBlob(ctx, r)
	if err != nil {
		return Result{}, err
	}
	fmt.Fprintf(out, "stored %d bytes\n", file.Size)
	run, err := client.Start(ctx, c, Compress, Job{File: file, Part: part})
	if err != nil {
		return Result{}, err
	}
	looking, stop := context.WithCancel(ctx)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		show(looking, c, run.ID())
	}()
	result, err := run.Wait(ctx)
	stop()
	<-looked
	return result, err
}

// show writes to the terminal how many parts are compressed, until ctx ends.
func show(ctx context.Context, c *client.Client, id string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if p, err := client.Query(ctx, c, id, progress, struct{}{}); err == nil {
			fmt.Fprintf(os.Stderr, "%d of %d parts\n", p.Done, p.Parts)
		}
	}
}

// save writes a file out of the object store.
func save(ctx context.Context, c *client.Client, file protocol.Blob, path string) error {
	r, err := c.OpenBlob(ctx, file)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(path) //nolint:gosec // beside the user's own
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
