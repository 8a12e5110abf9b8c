package main

import (
	"context"
	"fmt"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// loadCmd shows what waits, and what is left of the store.
type loadCmd struct{}

// Run prints it.
func (*loadCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.LoadAnswer, error) {
		return c.Load(ctx)
	}, func(l protocol.LoadAnswer) error {
		err := table(a.out, "WHAT\tWAITS\tMB\tAT MOST", func(line func(string, ...any)) {
			line("tasks\t%d\t%d\t%d", l.Tasks.Messages, l.Tasks.Bytes>>20, l.MaxBacklog)
			for shard, b := range l.Inboxes {
				line("inbox %d\t%d\t%d\t%d", shard, b.Messages, b.Bytes>>20, l.MaxBacklog/len(l.Inboxes))
			}
			most := "unknown"
			if l.MaxStored > 0 {
				most = fmt.Sprintf("%d MB", l.MaxStored>>20)
			}
			line("store\t\t%d\t%s", l.Stored>>20, most)
		})
		if err == nil && l.Refusal != nil {
			_, err = fmt.Fprintf(a.out, "\nNEW RUNS ARE REFUSED: %s\n", l.Refusal.Message)
		}
		return err
	})
}
