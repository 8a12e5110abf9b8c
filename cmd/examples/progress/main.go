// Command progress copies a list with an activity that fails halfway, and goes on where its last heartbeat says.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Copy), worker.Activity(Items)}
}

// Copy copies n items.
func Copy(ctx workflow.Context, n int) (string, error) {
	return workflow.Do(ctx, Items, n, workflow.HeartbeatTimeout(5*time.Second), workflow.Retry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(10 * time.Millisecond),
	}))
}

// Items copies one item after the other, and reports each.
func Items(ctx context.Context, n int) (string, error) {
	done, _, err := activity.HeartbeatDetails[int](ctx)
	if err != nil {
		return "", err
	}
	first := done
	for ; done < n; done++ {
		if activity.Info(ctx).Attempt == 1 && done == 1 {
			return "", errors.New("the disk is full")
		}
		if err := activity.Heartbeat(ctx, done+1); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("attempt %d copied items %d to %d", activity.Info(ctx).Attempt, first+1, n), nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Copy, 5)
	if err != nil {
		return err
	}
	result, err := run.Wait(ctx)
	fmt.Fprintln(out, result)
	return err
}
