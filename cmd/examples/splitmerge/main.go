// Command splitmerge hands the words of a text to three coroutines through a channel, and merges what their activities count.
package main

import (
	"context"
	"errors"
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
	return []worker.Option{worker.Workflow(Count), worker.Activity(Length)}
}

// Count adds up the lengths of the words.
func Count(ctx workflow.Context, text string) (int, error) {
	words := workflow.NewChannel[string](ctx, 0)
	group := workflow.NewGroup(ctx)
	sum := 0
	for range 3 {
		group.Go(func(ctx workflow.Context) error {
			for {
				word, err := words.Receive(ctx)
				if errors.Is(err, workflow.ErrClosed) {
					return nil
				}
				if err != nil {
					return err
				}
				n, err := workflow.Do(ctx, Length, word)
				if err != nil {
					return err
				}
				sum += n // one coroutine runs at a time: no lock is needed
			}
		})
	}
	for word := range strings.FieldsSeq(text) {
		if err := words.Send(ctx, word); err != nil {
			return 0, err
		}
	}
	words.Close()
	err := group.Wait()
	return sum, err
}

// Length counts letters.
func Length(_ context.Context, word string) (int, error) { return len(word), nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Count, "the quick brown fox jumps over the lazy dog")
	if err != nil {
		return err
	}
	n, err := run.Wait(ctx)
	fmt.Fprintln(out, n)
	return err
}
