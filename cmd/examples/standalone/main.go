// Command standalone runs activities without a workflow: one durable thing to do each, which is tried again until it works, once per
// invoice.
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
	"github.com/millrace-dev/millrace/worker/activity"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option { return []worker.Option{worker.Activity(Remind)} }

// Remind sends a reminder. The mail server is there at the third attempt.
func Remind(ctx context.Context, invoice string) (string, error) {
	if n := activity.Info(ctx).Attempt; n < 3 {
		return "", errors.New("the mail server is down")
	}
	return "reminded of " + invoice, nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	how := client.ActivityOptions{
		Retry: protocol.RetryPolicy{InitialInterval: protocol.Duration(10 * time.Millisecond)}, StartToClose: time.Minute,
	}
	for _, invoice := range []string{"invoice-1", "invoice-2", "invoice-1"} {
		// Under the ID of the invoice, and once: nobody is reminded twice, whoever asks.
		result, err := client.DoActivity(ctx, c, Remind, invoice, how, client.ID("remind-"+invoice), client.Reuse(protocol.ReuseReject))
		switch {
		case errors.Is(err, protocol.ErrAlreadyStarted):
			result = invoice + " was done before"
		case err != nil:
			return err
		}
		fmt.Fprintln(out, result)
	}
	return nil
}
