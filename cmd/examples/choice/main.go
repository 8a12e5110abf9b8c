// Command choice orders fruit: which activities run depends on what an activity returned.
package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Order), worker.Activity(Basket), worker.Activity(Apple), worker.Activity(Cherry)}
}

// Order asks what is in the basket and orders each in its own way.
func Order(ctx workflow.Context, customer string) ([]string, error) {
	basket, err := workflow.Do(ctx, Basket, customer)
	if err != nil {
		return nil, err
	}
	var ordered []string
	for fruit, n := range workflow.Sorted(basket) { // a map's own order would differ when the code runs again
		order := Apple
		if fruit == "cherry" {
			order = Cherry
		}
		o, err := workflow.Do(ctx, order, n)
		if err != nil {
			return ordered, err
		}
		ordered = append(ordered, o)
	}
	return ordered, nil
}

// Basket is what the customer wants.
func Basket(context.Context, string) (map[string]int, error) {
	return map[string]int{"cherry": 3, "apple": 2}, nil
}

// Apple orders apples.
func Apple(_ context.Context, n int) (string, error) { return fmt.Sprintf("%d apples", n), nil }

// Cherry orders cherries.
func Cherry(_ context.Context, n int) (string, error) { return fmt.Sprintf("%d cherries", n), nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Order, "Ada")
	if err != nil {
		return err
	}
	ordered, err := run.Wait(ctx)
	fmt.Fprintln(out, strings.Join(ordered, ", "))
	return err
}
