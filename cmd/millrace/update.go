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

	Name       string `arg:"" help:"Name of the update."`
	Input      string `help:"What it carries, as JSON; @FILE reads a file." short:"i" placeholder:"JSON"`
	UpdateID   string `help:"Makes the same command harmless a second time; made up when not given." name:"update-id" placeholder:"ID"`
	Start      string `help:"Start a workflow of this type if none is open, in the same step." placeholder:"TYPE"`
	Queue      string `help:"Task queue of --start." short:"q" placeholder:"NAME"`
	StartInput string `help:"The argument of --start, as JSON; @FILE reads a file." placeholder:"JSON"`
	Wait       string `help:"Wait until it is accepted or completed." short:"w" default:"completed" enum:"accepted,completed"`
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
	asking, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	h, err := u.ask(asking, c, input)
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

// ask asks the open run, or one that is started for it.
func (u *updateCmd) ask(ctx context.Context, c *client.Client, input protocol.Payload) (*client.UpdateHandle[json.RawMessage], error) {
	if u.Start == "" {
		opts := u.to()
		if u.UpdateID != "" {
			opts = append(opts, client.UpdateID(u.UpdateID))
		}
		return client.StartUpdateNamed[json.RawMessage](ctx, c, u.ID, u.Name, input, opts...)
	}
	if u.one.Run != "" {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "--start and --run-id exclude each other").
			WithHint("leave --run-id out: the open run is asked, or the one that is started")
	}
	argument, err := inputFlag(u.StartInput)
	if err != nil {
		return nil, err
	}
	_, h, err := client.UpdateWithStartNamed[json.RawMessage, json.RawMessage](ctx, c, u.Start, argument, u.Name, input,
		client.ID(u.ID), client.Queue(u.Queue), client.RequestID(u.UpdateID))
	return h, err
}

func (a *app) accepted(h *client.UpdateHandle[json.RawMessage]) error {
	if a.JSON {
		return printJSON(a.out, map[string]string{"id": h.WorkflowID(), "run_id": h.RunID(), "update_id": h.ID()})
	}
	_, err := fmt.Fprintf(a.out, "accepted by %s\nupdate      %s\n", h.WorkflowID(), h.ID())
	return err
}
