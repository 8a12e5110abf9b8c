// Command accumulator feeds a workflow that stands for a thing without knowing whether it is there yet: each signal starts it if
// need be.
package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option { return []worker.Option{worker.Workflow(Room)} }

// Enter tells the room who comes in.
var Enter = workflow.NewSignal[string]("enter")

// Room collects names until nobody comes for a moment. It takes each name once.
func Room(ctx workflow.Context, _ string) ([]string, error) {
	var names []string
	for {
		quiet, stop := workflow.WithTimeout(ctx, 100*time.Millisecond)
		name, err := workflow.Receive(quiet, Enter)
		stop()
		if err != nil {
			return names, ctx.Err()
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	var run *client.Run[[]string]
	for _, name := range []string{"Ada", "Grace", "Ada", "Edsger"} {
		var err error
		if run, err = client.SignalWithStart(ctx, c, Room, "kitchen", Enter, name, client.ID("room-kitchen")); err != nil {
			return err
		}
	}
	names, err := run.Wait(ctx)
	fmt.Fprintln(out, names)
	return err
}
