package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

// one names a run: a workflow's latest unless told otherwise.
type one struct {
	ID  string `arg:"" help:"Workflow ID."`
	Run string `help:"Run ID; the latest run when not given." name:"run-id" placeholder:"ID"`
}

func (o one) to(opts ...client.ToOption) []client.ToOption { return append(opts, client.InRun(o.Run)) }

// steer runs a call that changes a workflow and says that it did.
func (a *app) steer(ctx context.Context, id, did string, call func(context.Context, *client.Client) error) error {
	if err := a.call(ctx, call); err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]string{"id": id, "done": strings.TrimSuffix(did, ":")})
	}
	_, err := fmt.Fprintf(a.out, "%s %s\n", did, id)
	return err
}

// signalCmd sends a signal.
type signalCmd struct {
	one

	Name      string `arg:"" help:"Name of the signal."`
	Input     string `help:"Its value, as JSON; @FILE reads a file." short:"i" placeholder:"JSON"`
	RequestID string `help:"Makes the same command harmless a second time."`
}

// Run returns once the signal is part of the run's history.
func (s *signalCmd) Run(ctx context.Context, a *app) error {
	input, err := inputFlag(s.Input)
	if err != nil {
		return err
	}
	opts := s.to()
	if s.RequestID != "" {
		opts = append(opts, client.WithRequestID(s.RequestID))
	}
	return a.steer(ctx, s.ID, "signaled", func(ctx context.Context, c *client.Client) error {
		return c.SignalNamed(ctx, s.ID, s.Name, input, opts...)
	})
}

// cancelCmd asks a run to stop.
type cancelCmd struct {
	one

	Reason string `help:"Kept in history."`
}

// Run returns once the request is part of the run's history.
func (r *cancelCmd) Run(ctx context.Context, a *app) error {
	return a.steer(ctx, r.ID, "asked to stop:", func(ctx context.Context, c *client.Client) error {
		return c.Cancel(ctx, r.ID, r.to(client.Reason(r.Reason))...)
	})
}

// terminateCmd ends a run.
type terminateCmd struct {
	one

	Reason string `help:"Kept in history."`
}

// Run returns once the run has ended.
func (r *terminateCmd) Run(ctx context.Context, a *app) error {
	return a.steer(ctx, r.ID, "terminated", func(ctx context.Context, c *client.Client) error {
		return c.Terminate(ctx, r.ID, r.to(client.Reason(r.Reason))...)
	})
}

// deleteCmd removes a workflow that has ended.
type deleteCmd struct {
	ID   string `arg:"" help:"Workflow ID."`
	UpTo string `help:"Only this run and those before it." name:"run-id" aliases:"run" placeholder:"ID"`
}

// Run returns once nothing is left of it.
func (r *deleteCmd) Run(ctx context.Context, a *app) error {
	return a.steer(ctx, r.ID, "deleted", func(ctx context.Context, c *client.Client) error {
		return c.Delete(ctx, r.ID, client.InRun(r.UpTo))
	})
}

// pauseCmd stops a run before its next step.
type pauseCmd struct {
	one

	Reason string `help:"Kept in history."`
}

// Run returns once the run is paused.
func (r *pauseCmd) Run(ctx context.Context, a *app) error {
	return a.steer(ctx, r.ID, "paused", func(ctx context.Context, c *client.Client) error {
		return c.Pause(ctx, r.ID, r.to(client.Reason(r.Reason))...)
	})
}

// unpauseCmd lets a run go on.
type unpauseCmd struct {
	one

	Reason string `help:"Kept in history."`
}

// Run returns once the run may go on.
func (r *unpauseCmd) Run(ctx context.Context, a *app) error {
	return a.steer(ctx, r.ID, "goes on:", func(ctx context.Context, c *client.Client) error {
		return c.Unpause(ctx, r.ID, r.to(client.Reason(r.Reason))...)
	})
}
