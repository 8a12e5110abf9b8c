// Command earlyreturn starts a payment and gets its first result at once, in the same call, while the payment goes on.
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
	return []worker.Option{worker.Workflow(Payment), worker.Activity(Reserve), worker.Activity(Settle)}
}

// Reserved asks for the reservation.
var Reserved = workflow.NewUpdate[struct{}, string]("reserved")

// Payment reserves an amount, tells whoever asked, and settles later.
func Payment(ctx workflow.Context, amount int) (string, error) {
	reserved, settle := workflow.NewFuture[string](ctx)
	workflow.HandleUpdate(ctx, Reserved, func(ctx workflow.Context, _ struct{}) (string, error) { return reserved.Get(ctx) })
	settle(workflow.DoLocal(ctx, Reserve, amount))
	if _, err := reserved.Get(ctx); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Settle, amount)
}

// Reserve is quick.
func Reserve(_ context.Context, amount int) (string, error) {
	return fmt.Sprintf("reserved %d", amount), nil
}

// Settle is not.
func Settle(_ context.Context, amount int) (string, error) {
	return fmt.Sprintf("settled %d", amount), nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, update, err := client.UpdateWithStart(ctx, c, Payment, 42, Reserved, struct{}{}, client.ID("payment-1"))
	if err != nil {
		return err
	}
	early, err := update.Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, early)
	late, err := run.Wait(ctx)
	fmt.Fprintln(out, late)
	return err
}
