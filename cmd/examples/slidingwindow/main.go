// Command slidingwindow works through a batch with a fixed number of children at a time, and continues as new so that its history
// stays short.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Batch), worker.Workflow(Record)}
}

const (
	window = 3 // children at a time
	chunk  = 5 // records in a run
)

// Progress is how far the batch is.
type Progress struct{ Next, Total, Sum int }

// Batch takes the next records. As soon as a child ends, another one begins.
func Batch(ctx workflow.Context, p Progress) (Progress, error) {
	open, last := 0, min(p.Next+chunk, p.Total)
	var failed error
	done := func(n int, err error) {
		open--
		p.Sum += n
		failed = errors.Join(failed, err)
	}
	for ; p.Next < last && failed == nil; p.Next++ {
		if err := workflow.Await(ctx, func() bool { return open < window }); err != nil {
			return p, err
		}
		child := workflow.StartChild(ctx, Record, p.Next)
		open++
		workflow.Go(ctx, func(ctx workflow.Context) { done(child.Get(ctx)) })
	}
	if err := workflow.Await(ctx, func() bool { return open == 0 }); err != nil || failed != nil {
		return p, errors.Join(err, failed)
	}
	if p.Next == p.Total {
		return p, nil
	}
	return p, workflow.ContinueAsNew(ctx, Batch, p)
}

// Record is the child that takes one record.
func Record(_ workflow.Context, n int) (int, error) { return n, nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Batch, Progress{Total: 12})
	if err != nil {
		return err
	}
	p, err := run.Wait(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d records, sum %d\n", p.Next, p.Sum)
	return err
}
