// Command reqres asks a workflow and gets its answer: a request and a response, by update.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Desk), worker.Activity(Shout)}
}

var (
	// Upper asks for a text in capitals.
	Upper = workflow.NewUpdate[string, string]("upper")
	// Stop closes the desk.
	Stop = workflow.NewSignal[struct{}]("stop")
)

// Desk answers until it is closed, and tells how many it has answered.
func Desk(ctx workflow.Context, _ struct{}) (int, error) {
	answered := 0
	workflow.HandleUpdate(ctx, Upper, func(ctx workflow.Context, text string) (string, error) {
		answered++
		return workflow.Do(ctx, Shout, text)
	}, workflow.Validate(func(_ workflow.Context, text string) error {
		if text == "" {
			return errors.New("there is nothing to say")
		}
		return nil
	}))
	if _, err := workflow.Receive(ctx, Stop); err != nil {
		return answered, err
	}
	return answered, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// Shout does the work.
func Shout(_ context.Context, text string) (string, error) { return strings.ToUpper(text), nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Desk, struct{}{})
	if err != nil {
		return err
	}
	for _, text := range []string{"hello", "", "world"} {
		answer, err := client.Update(ctx, c, run.ID(), Upper, text)
		if errors.Is(err, protocol.ErrRejected) {
			answer = "rejected"
		} else if err != nil {
			return err
		}
		fmt.Fprintln(out, answer)
	}
	if err := client.Signal(ctx, c, run.ID(), Stop, struct{}{}); err != nil {
		return err
	}
	n, err := run.Wait(ctx)
	fmt.Fprintln(out, n, "answered")
	return err
}
