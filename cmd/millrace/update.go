package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// updateCmd asks a workflow for an update.
type updateCmd struct {
	one

	Name     string `arg:"" help:"Name of the update."`
	Input    string `help:"What it carries, as JSON; @FILE reads a file." short:"i" placeholder:"JSON"`
	UpdateID string `help:"Makes the same command harmless a second time; made up when not given." name:"update-id" placeholder:"ID"`
	Wait     string `help:"Wait until it is accepted or completed." short:"w" default:"completed" enum:"accepted,completed"`
}

// Run returns once the workflow has accepted the update, or once it is done.
func (u *updateCmd) Run(ctx context.Context, a *app) error {
	input, err := inputFlag(u.Input)
	if err != nil {
		return err
	}
	c, done, err := a.client()
	if err != nil {
		return err
	}
	defer done()
	opts := u.to()
	if u.UpdateID != "" {
		opts = append(opts, client.UpdateID(u.UpdateID))
	}
	asking, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	h, err := client.StartUpdateNamed[json.RawMessage](asking, c, u.ID, u.Name, input, opts...)
	if errors.Is(err, context.DeadlineExceeded) {
		return protocol.Errorf(protocol.CodeTimeout, "the update waits for a worker").
			WithHint("millrace describe %s shows it; ask again with --update-id, or a longer --timeout", u.ID)
	}
	if err != nil {
		return err
	}
	if u.Wait == string(protocol.UpdateAccepted) {
		return a.accepted(h)
	}
	result, err := h.Wait(ctx)
	if errors.Is(err, context.Canceled) {
		return protocol.Errorf(protocol.CodeTimeout, "stopped waiting; the update goes on").
			WithHint("the same command with --update-id %s", h.ID())
	}
	if f, ok := errors.AsType[*protocol.Failure](err); ok {
		return &protocol.Error{Code: "update_failed", Message: f.Error()}
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]any{"id": u.ID, "run_id": h.RunID(), "update_id": h.ID(), "result": result})
	}
	_, err = fmt.Fprintln(a.out, string(result))
	return err
}

func (a *app) accepted(h *client.UpdateHandle[json.RawMessage]) error {
	if a.JSON {
		return printJSON(a.out, map[string]string{"id": h.WorkflowID(), "run_id": h.RunID(), "update_id": h.ID()})
	}
	_, err := fmt.Fprintf(a.out, "accepted by %s\nupdate      %s\n", h.WorkflowID(), h.ID())
	return err
}
