// Command fanout lets a workflow do its work in children, each with a history of its own, and adds up what they return.
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
	return []worker.Option{worker.Workflow(Parent), worker.Workflow(Square)}
}

// Parent starts a child for each number and waits for all of them.
func Parent(ctx workflow.Context, numbers []int) (int, error) {
	children := make([]workflow.Child[int], len(numbers))
	for i, n := range numbers {
		children[i] = workflow.StartChild(ctx, Square, n)
	}
	sum := 0
	for _, child := range children {
		n, err := child.Get(ctx)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Square is the child.
func Square(_ workflow.Context, n int) (int, error) { return n * n, nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Parent, []int{1, 2, 3, 4, 5})
	if err != nil {
		return err
	}
	sum, err := run.Wait(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, sum)
	return err
}
