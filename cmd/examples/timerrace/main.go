// Command timerrace tells the customer that an order takes longer than usual, if it does: a timer races an activity.
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
	return []worker.Option{worker.Workflow(Order), worker.Activity(Process), worker.Activity(Notify)}
}

// Order processes an order and says so when that takes longer than a moment.
func Order(ctx workflow.Context, slow bool) (string, error) {
	patient, stop := workflow.WithCancel(ctx)
	defer stop()
	processed := workflow.Start(ctx, Process, slow)
	notice := ""
	err := workflow.Select(ctx,
		workflow.OnReady(processed, func(string, error) { stop() }),
		workflow.OnReady(workflow.NewTimer(patient, 50*time.Millisecond), func(time.Time, error) { notice = " after a notice" }),
	)
	if err != nil {
		return "", err
	}
	if notice != "" {
		if _, err := workflow.Do(ctx, Notify, "it takes longer"); err != nil {
			return "", err
		}
	}
	result, err := processed.Get(ctx)
	return result + notice, err
}

// Process takes its time when it is slow.
func Process(ctx context.Context, slow bool) (string, error) {
	if !slow {
		return "done", nil
	}
	select {
	case <-time.After(300 * time.Millisecond):
		return "done", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Notify writes to the customer.
func Notify(_ context.Context, text string) (string, error) { return text, nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	for _, slow := range []bool{false, true} {
		run, err := client.Start(ctx, c, Order, slow)
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
