// Command retryrun has a whole workflow tried again when it fails: each attempt is a run of its own, and knows why the one before
// failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option { return []worker.Option{worker.Workflow(Flaky)} }

var errUnlucky = errors.New("unlucky")

// Flaky succeeds at its third attempt.
func Flaky(ctx workflow.Context, _ struct{}) (string, error) {
	info := workflow.GetInfo(ctx)
	if info.Attempt < 3 {
		return "", errUnlucky
	}
	return fmt.Sprintf("attempt %d, after: %s", info.Attempt, info.LastFailure.Message), nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Flaky, struct{}{}, client.Retry(protocol.RetryPolicy{
		InitialInterval: protocol.Duration(10 * time.Millisecond), MaximumAttempts: 5,
	}))
	if err != nil {
		return err
	}
	result, err := run.Wait(ctx)
	fmt.Fprintln(out, result)
	return err
}
