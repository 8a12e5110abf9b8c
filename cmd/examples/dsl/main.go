// Command dsl runs programs that are data: a tree of activities, one after the other or side by side.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Interpret), worker.Activity(Say)}
}

// Node is an activity with its argument, a sequence, or a set of nodes that run side by side.
type Node struct {
	Do       string `json:"do,omitempty"`
	Sequence []Node `json:"sequence,omitempty"`
	Parallel []Node `json:"parallel,omitempty"`
}

// Interpret runs a program and returns what its activities returned, in the order of the program.
func Interpret(ctx workflow.Context, n Node) ([]string, error) {
	switch {
	case n.Do != "":
		said, err := workflow.Do(ctx, Say, n.Do)
		return []string{said}, err
	case n.Parallel != nil:
		results := make([][]string, len(n.Parallel))
		group := workflow.NewGroup(ctx)
		for i, child := range n.Parallel {
			group.Go(func(ctx workflow.Context) (err error) {
				results[i], err = Interpret(ctx, child)
				return err
			})
		}
		err := group.Wait()
		return slices.Concat(results...), err
	}
	var all []string
	for _, child := range n.Sequence {
		results, err := Interpret(ctx, child)
		if err != nil {
			return nil, err
		}
		all = append(all, results...)
	}
	return all, nil
}

// Say says something.
func Say(_ context.Context, what string) (string, error) { return what + "!", nil }

const program = `{"sequence": [{"do": "ready"}, {"parallel": [{"do": "left"}, {"do": "right"}]}, {"do": "go"}]}`

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	var n Node
	if err := json.Unmarshal([]byte(program), &n); err != nil {
		return err
	}
	run, err := client.Start(ctx, c, Interpret, n)
	if err != nil {
		return err
	}
	said, err := run.Wait(ctx)
	fmt.Fprintln(out, said)
	return err
}
