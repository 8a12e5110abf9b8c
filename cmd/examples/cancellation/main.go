// Command cancellation stops a workflow whose activity is at work: the activity hears of it at once, and the workflow cleans up
// before it ends.
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
	return []worker.Option{worker.Workflow(Work), worker.Activity(Forever), worker.Activity(CleanUp)}
}

var begun = make(chan struct{}, 1)

// Work runs until it is canceled, and cleans up.
func Work(ctx workflow.Context, _ struct{}) (string, error) {
	_, err := workflow.Do(ctx, Forever, "it")
	if !errors.Is(err, workflow.ErrCanceled) {
		return "", err
	}
	// ctx is canceled: what must be done all the same has a context of its own.
	done, failed := workflow.Do(workflow.Disconnected(ctx), CleanUp, "it")
	if failed != nil {
		return "", failed
	}
	return done, nil // and so the run completes; with err it would end as canceled
}

// Forever works until it is told to stop.
func Forever(ctx context.Context, _ string) (string, error) {
	begun <- struct{}{}
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// CleanUp leaves nothing behind.
func CleanUp(_ context.Context, what string) (string, error) { return "cleaned " + what + " up", nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Work, struct{}{})
	if err != nil {
		return err
	}
	<-begun
	if err := c.Cancel(ctx, run.ID(), client.Reason("enough")); err != nil {
		return err
	}
	result, err := run.Wait(ctx)
	fmt.Fprintln(out, result)
	return err
}
