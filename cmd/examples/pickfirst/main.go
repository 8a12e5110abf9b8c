// Command pickfirst asks two servers the same thing, takes the first answer, and cancels the other request.
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
	return []worker.Option{worker.Workflow(Fastest), worker.Activity(Fetch)}
}

// Fastest returns the answer of the faster server.
func Fastest(ctx workflow.Context, servers []string) (string, error) {
	race, stop := workflow.WithCancel(ctx)
	defer stop()
	var winner string
	var failed error
	cases := make([]workflow.Case, len(servers))
	for i, server := range servers {
		cases[i] = workflow.OnReady(workflow.Start(race, Fetch, server), func(answer string, err error) { winner, failed = answer, err })
	}
	err := workflow.Select(ctx, cases...)
	return winner, errors.Join(err, failed)
}

// Fetch asks a server. The slow one answers only when it is told to stop.
func Fetch(ctx context.Context, server string) (string, error) {
	if server == "slow" {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	return "the answer of " + server, nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Fastest, []string{"slow", "fast"})
	if err != nil {
		return err
	}
	answer, err := run.Wait(ctx)
	fmt.Fprintln(out, answer)
	return err
}
