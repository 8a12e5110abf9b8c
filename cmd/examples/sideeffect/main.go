// Command sideeffect draws lots in a workflow: what chance decides is recorded, and is the same when the code runs again.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option { return []worker.Option{worker.Workflow(Lottery)} }

// Again makes the code go on.
var Again = workflow.NewSignal[struct{}]("again")

// Lottery draws a winner, and looks at the result twice: before and after it waited.
func Lottery(ctx workflow.Context, players []string) (bool, error) {
	draw := func() (string, error) {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(players))))
		if err != nil {
			return "", err
		}
		return players[n.Int64()], nil
	}
	winner, err := workflow.SideEffect(ctx, draw)
	if err != nil {
		return false, err
	}
	ticket := workflow.UUID(ctx)
	if _, err := workflow.Receive(ctx, Again); err != nil {
		return false, err
	}
	workflow.Logger(ctx).Info("drawn", "winner", winner, "ticket", ticket)
	return winner != "" && len(ticket) == 36, nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Lottery, []string{"Ada", "Grace"})
	if err != nil {
		return err
	}
	if err := client.Signal(ctx, c, run.ID(), Again, struct{}{}); err != nil {
		return err
	}
	fair, err := run.Wait(ctx)
	fmt.Fprintln(out, fair)
	return err
}
