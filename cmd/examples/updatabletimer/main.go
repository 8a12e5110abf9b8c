// Command updatabletimer waits until a moment that can be moved while it waits.
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

func options() []worker.Option { return []worker.Option{worker.Workflow(Alarm)} }

var (
	// Move sets the alarm to another moment.
	Move = workflow.NewSignal[time.Time]("move")
	// At asks when it will ring.
	At = workflow.NewQuery[struct{}, time.Time]("at")
)

// Alarm rings at the given moment, and tells how often it was moved.
func Alarm(ctx workflow.Context, at time.Time) (int, error) {
	workflow.HandleQuery(ctx, At, func(struct{}) (time.Time, error) { return at, nil })
	for moved := 0; ; {
		wait, stop := workflow.WithCancel(ctx)
		rings := false
		err := workflow.Select(ctx,
			workflow.OnReady(workflow.NewTimer(wait, at.Sub(workflow.Now(ctx))), func(time.Time, error) { rings = true }),
			workflow.OnReceive(Move, func(to time.Time) { at, moved = to, moved+1 }),
		)
		stop()
		if err != nil || rings {
			return moved, err
		}
	}
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Alarm, time.Now().Add(time.Hour))
	if err != nil {
		return err
	}
	for _, d := range []time.Duration{2 * time.Hour, 50 * time.Millisecond} {
		if err := client.Signal(ctx, c, run.ID(), Move, time.Now().Add(d)); err != nil {
			return err
		}
	}
	moved, err := run.Wait(ctx)
	fmt.Fprintln(out, "rang after it was moved", moved, "times")
	return err
}
