// Command polling waits for a thing that cannot say when it is ready: an activity asks, and its retries are the polling.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Order), worker.Activity(Ready)}
}

// Order waits until the kitchen is ready. The history holds one activity, however often it asked.
func Order(ctx workflow.Context, dish string) (string, error) {
	return workflow.Do(ctx, Ready, dish, workflow.StartToClose(time.Second))
}

var asked atomic.Int32

var errNotYet = errors.New("not yet")

// Ready asks the kitchen once. The answer says when to ask again.
func Ready(ctx context.Context, dish string) (string, error) {
	if asked.Add(1)%3 != 0 {
		return "", activity.RetryAfter(errNotYet, 20*time.Millisecond)
	}
	return fmt.Sprintf("%s is ready, at attempt %d", dish, activity.Info(ctx).Attempt), nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Order, "soup")
	if err != nil {
		return err
	}
	result, err := run.Wait(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, result)
	return err
}
