// Command dynamic calls what it knows by name only: the workflow's code does not link its activities, which may be written in
// another language.
package main

import (
	"context"
	"fmt"
	"io"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{
		worker.Workflow(Run, worker.Named("pipeline")),
		worker.Activity(func(_ context.Context, n int) (int, error) { return n + 1, nil }, worker.Named("increment")),
		worker.Activity(func(_ context.Context, n int) (int, error) { return n * 2, nil }, worker.Named("double")),
	}
}

// Run puts a number through the named activities.
func Run(ctx workflow.Context, names []string) (int, error) {
	n := 1
	for _, name := range names {
		var err error
		if n, err = workflow.NewActivity[int, int](name).Do(ctx, n); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.StartNamed[int](ctx, c, "pipeline", []string{"increment", "double", "double"})
	if err != nil {
		return err
	}
	n, err := run.Wait(ctx)
	fmt.Fprintln(out, n)
	return err
}
