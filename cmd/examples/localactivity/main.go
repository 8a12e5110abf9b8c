// Command localactivity checks an order with activities that run in the workflow's own worker: quick ones, without the way over a
// queue.
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
	return []worker.Option{worker.Workflow(Check), worker.Activity(Stock), worker.Activity(Price), worker.Activity(Charge)}
}

// Check looks at stock and price side by side, in one step, and charges with an ordinary activity.
func Check(ctx workflow.Context, item string) (string, error) {
	stock, price := workflow.StartLocal(ctx, Stock, item), workflow.StartLocal(ctx, Price, item)
	if n, err := stock.Get(ctx); err != nil || n == 0 {
		return "sold out", err
	}
	amount, err := price.Get(ctx)
	if err != nil {
		return "", err
	}
	return workflow.Do(ctx, Charge, amount)
}

// Stock looks into a cache.
func Stock(_ context.Context, item string) (int, error) { return len(item), nil }

// Price looks into another.
func Price(_ context.Context, item string) (int, error) { return 10 * len(item), nil }

// Charge talks to the bank.
func Charge(_ context.Context, amount int) (string, error) {
	return fmt.Sprintf("charged %d", amount), nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	for _, item := range []string{"lamp", ""} {
		run, err := client.Start(ctx, c, Check, item)
		if err != nil {
			return err
		}
		result, err := run.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, result)
	}
	return nil
}
