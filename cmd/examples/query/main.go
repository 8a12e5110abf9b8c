// Command query looks into a workflow while it works, and after it has ended.
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

func options() []worker.Option { return []worker.Option{worker.Workflow(Steps)} }

var (
	// Progress asks how far it is.
	Progress = workflow.NewQuery[struct{}, string]("progress")
	// Next lets it take a step.
	Next = workflow.NewSignal[struct{}]("next")
)

// Steps takes a step at each signal.
func Steps(ctx workflow.Context, n int) (int, error) {
	done := 0
	workflow.HandleQuery(ctx, Progress, func(struct{}) (string, error) { return fmt.Sprintf("%d of %d", done, n), nil })
	for ; done < n; done++ {
		if _, err := workflow.Receive(ctx, Next); err != nil {
			return done, err
		}
	}
	return done, nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Steps, 3)
	if err != nil {
		return err
	}
	for i := range 4 {
		progress, err := client.Query(ctx, c, run.ID(), Progress, struct{}{})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, progress)
		if i == 3 {
			break
		}
		if err := client.Signal(ctx, c, run.ID(), Next, struct{}{}); err != nil {
			return err
		}
	}
	_, err = run.Wait(ctx)
	return err
}
