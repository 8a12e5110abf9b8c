// Command cron does something again and again, for ever: each turn is a run of its own, so that no history grows.
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

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Report), worker.Activity(Collect)}
}

// State is what one turn hands to the next.
type State struct {
	Turn  int
	Lines []string
}

// Report collects a line every now and then. An example must end; a real one would not.
func Report(ctx workflow.Context, s State) (State, error) {
	line, err := workflow.Do(ctx, Collect, s.Turn)
	if err != nil {
		return s, err
	}
	s.Lines = append(s.Lines, line)
	if s.Turn++; s.Turn == 3 {
		return s, nil
	}
	if err := workflow.Sleep(ctx, 20*time.Millisecond); err != nil {
		return s, err
	}
	return s, workflow.ContinueAsNew(ctx, Report, s)
}

// Collect makes a line of the report.
func Collect(_ context.Context, turn int) (string, error) { return fmt.Sprintf("line %d", turn), nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Report, State{})
	if err != nil {
		return err
	}
	s, err := run.Wait(ctx) // follows the runs to the last
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, s.Lines)
	return err
}
