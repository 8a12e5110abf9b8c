package main

import (
	"context"
	"fmt"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// queryCmd asks the code of a run something.
type queryCmd struct {
	one

	Name  string `arg:"" help:"Name of the query."`
	Input string `help:"What to ask with, as JSON; @FILE reads a file." short:"i" placeholder:"JSON"`
}

// Run prints the answer.
func (q *queryCmd) Run(ctx context.Context, a *app) error {
	input, err := inputFlag(q.Input)
	if err != nil {
		return err
	}
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.Payload, error) {
		return client.QueryNamed[protocol.Payload](ctx, c, q.ID, q.Name, input, q.to()...)
	}, func(p protocol.Payload) error {
		_, err := fmt.Fprintln(a.out, payloadText(p))
		return err
	})
}

// stackCmd shows where a run waits.
type stackCmd struct{ one }

// Run prints the lines of code.
func (s *stackCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (string, error) {
		return client.QueryNamed[string](ctx, c, s.ID, protocol.QueryStack, nil, s.to()...)
	}, func(text string) error {
		_, err := fmt.Fprint(a.out, text)
		return err
	})
}
