// Command awaitsignals gets signals in any order and handles them in the right one.
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

func options() []worker.Option { return []worker.Option{worker.Workflow(Assemble)} }

// Part is one part of a whole.
var Part = workflow.NewSignal[Piece]("part")

// Piece is the text of one part, and its number.
type Piece struct {
	Number int
	Text   string
}

// Assemble puts n parts together.
func Assemble(ctx workflow.Context, n int) (string, error) {
	got := map[int]string{}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			p, err := workflow.Receive(ctx, Part)
			if err != nil {
				return
			}
			got[p.Number] = p.Text
		}
	})
	var whole []string
	for i := range n {
		if err := workflow.Await(ctx, func() bool { return got[i] != "" }); err != nil {
			return "", err
		}
		whole = append(whole, got[i])
	}
	return strings.Join(whole, " "), nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Assemble, 3)
	if err != nil {
		return err
	}
	for _, p := range []Piece{{2, "order"}, {0, "all"}, {1, "in"}} {
		if err := client.Signal(ctx, c, run.ID(), Part, p); err != nil {
			return err
		}
	}
	whole, err := run.Wait(ctx)
	fmt.Fprintln(out, whole)
	return err
}
