package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// resetCmd starts a run that repeats the beginning of another one.
type resetCmd struct {
	one

	To          string `help:"The step to take anew: first, last, or the ID of a WorkflowTaskCompleted as show lists them." default:"last"`
	DropSignals bool   `help:"Leave out the signals that came after the step."`
	Reason      string `help:"Kept in history."`
	RequestID   string `help:"Makes the same command harmless a second time."`
}

// Run prints the new run.
func (r *resetCmd) Run(ctx context.Context, a *app) error {
	var run string
	err := a.call(ctx, func(ctx context.Context, c *client.Client) error {
		event, err := r.event(ctx, c)
		if err != nil {
			return err
		}
		opts := r.to(client.Reason(r.Reason))
		if r.DropSignals {
			opts = append(opts, client.DropSignals())
		}
		if r.RequestID != "" {
			opts = append(opts, client.WithRequestID(r.RequestID))
		}
		run, err = c.Reset(ctx, r.ID, event, opts...)
		return err
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]string{"id": r.ID, "run_id": run})
	}
	_, err = fmt.Fprintf(a.out, "reset %s\nrun   %s\n", r.ID, run)
	return err
}

// event finds the step that --to names.
func (r *resetCmd) event(ctx context.Context, c *client.Client) (int64, error) {
	if r.To != "first" && r.To != "last" {
		id, err := strconv.ParseInt(r.To, 10, 64)
		if err != nil {
			return 0, protocol.Errorf(protocol.CodeBadRequest, "--to %s names no step", r.To).WithHint("first, last or the ID of an event")
		}
		return id, nil
	}
	var step int64
	for e, err := range c.History(ctx, r.ID, r.to()...) {
		if err != nil {
			return 0, err
		}
		if _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); !ok {
			continue
		}
		if step = e.ID; r.To == "first" {
			break
		}
	}
	if step == 0 {
		return 0, protocol.Errorf(protocol.CodeBadRequest, "workflow %q has taken no step yet", r.ID).
			WithHint("start a worker, or `millrace terminate %s` and start it again", r.ID)
	}
	return step, nil
}
