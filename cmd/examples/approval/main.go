// Command approval pays expenses that somebody approves, and gives up when nobody does in time.
package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Expense), worker.Activity(Pay)}
}

// Decision is what the boss says.
var Decision = workflow.NewSignal[bool]("decision")

// Expense waits for a decision, and pays.
func Expense(ctx workflow.Context, amount int) (string, error) {
	patient, stop := workflow.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	approved, err := workflow.Receive(patient, Decision)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err() // the expense itself was canceled
	case err != nil:
		return "nobody decided", nil
	case !approved:
		return "rejected", nil
	}
	return workflow.Do(ctx, Pay, amount)
}

// Pay transfers the money.
func Pay(_ context.Context, amount int) (string, error) { return fmt.Sprintf("paid %d", amount), nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	var runs []*client.Run[string]
	for i := range 3 {
		run, err := client.Start(ctx, c, Expense, 10*i)
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	for i, approved := range []bool{false, true} { // and nobody decides on the third
		if err := client.Signal(ctx, c, runs[i].ID(), Decision, approved); err != nil {
			return err
		}
	}
	for _, run := range runs {
		result, err := run.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, result)
	}
	return nil
}
