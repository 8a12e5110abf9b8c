package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// startCmd starts a workflow.
type startCmd struct {
	Type             string        `arg:"" help:"Workflow type, such as shop.Checkout."`
	ID               string        `help:"Workflow ID; made up when not given."`
	Queue            string        `help:"Task queue whose workers run it." short:"q" required:""`
	Input            string        `help:"Its argument, as JSON; @FILE reads a file." short:"i" placeholder:"JSON"`
	RequestID        string        `help:"Makes the same command harmless a second time."`
	Reuse            string        `help:"Use the ID of a run that ended: ${enum}." enum:"allow,failed-only,reject" default:"allow"`
	OnConflict       string        `help:"If a run of the ID is open: ${enum}." enum:"fail,use-existing,terminate" default:"fail"`
	Delay            time.Duration `help:"Wait this long before the first step."`
	RunTimeout       time.Duration `help:"End the run as timed out after this long."`
	ExecutionTimeout time.Duration `help:"End the workflow, retries and all, as timed out after this long."`
	Attempts         int           `help:"Try a run that fails up to this many times; 0 is without end." default:"1"`
	Signal           string        `help:"Signal the open run, or start one that begins with the signal." placeholder:"NAME"`
	SignalInput      string        `help:"The value of --signal, as JSON; @FILE reads a file." placeholder:"JSON"`
	Wait             bool          `help:"Wait for the result, however long it takes." short:"w"`
	Force            bool          `help:"Start even if no worker is there to run it now."`
}

// Run starts the workflow, and waits for it if asked.
func (s *startCmd) Run(ctx context.Context, a *app) error {
	input, err := inputFlag(s.Input)
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
	if !s.Force {
		if err := canRun(asking, c, s.Queue, "workflow", s.Type); err != nil {
			return err
		}
	}
	run, err := s.start(asking, c, input)
	if err != nil {
		return err
	}
	return a.begun(ctx, run, s.Wait)
}

// begun says that a run has begun, or what it came to if that is to be waited for.
func (a *app) begun(ctx context.Context, run *client.Run[json.RawMessage], wait bool) error {
	if !wait {
		return a.started(run.ID(), run.RunID())
	}
	result, err := run.Wait(ctx)
	if errors.Is(err, context.Canceled) {
		return protocol.Errorf(protocol.CodeTimeout, "stopped waiting; %s goes on", run.ID()).
			WithHint("millrace show %s", run.ID())
	}
	if f, ok := errors.AsType[*protocol.Failure](err); ok {
		return protocol.Errorf(codeWorkflowFailed, "%s", f.Error()).WithHint("`millrace show %s` tells how it came to that", run.ID())
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]any{"id": run.ID(), "run_id": run.RunID(), "result": result})
	}
	_, err = fmt.Fprintln(a.out, string(result))
	return err
}

func (s *startCmd) start(ctx context.Context, c *client.Client, input protocol.Payload) (*client.Run[json.RawMessage], error) {
	if s.Signal == "" {
		return client.StartNamed[json.RawMessage](ctx, c, s.Type, input, s.options()...)
	}
	value, err := inputFlag(s.SignalInput)
	if err != nil {
		return nil, err
	}
	return client.SignalWithStartNamed[json.RawMessage](ctx, c, s.Type, input, s.Signal, value, s.options()...)
}

// The policies by the words of the command line.
var (
	reusePolicies = map[string]protocol.ReusePolicy{
		"failed-only": protocol.ReuseAfterFailure, "reject": protocol.ReuseReject,
	}
	conflictPolicies = map[string]protocol.ConflictPolicy{
		"use-existing": protocol.ConflictUseExisting, "terminate": protocol.ConflictTerminate,
	}
)

func (s *startCmd) options() []client.StartOption {
	opts := []client.StartOption{
		client.ID(s.ID), client.Queue(s.Queue), client.RequestID(s.RequestID), client.Delay(s.Delay),
		client.RunTimeout(s.RunTimeout), client.ExecutionTimeout(s.ExecutionTimeout),
		client.Reuse(reusePolicies[s.Reuse]), client.OnConflict(conflictPolicies[s.OnConflict]),
	}
	if s.Attempts != 1 {
		opts = append(opts, client.Retry(protocol.RetryPolicy{MaximumAttempts: s.Attempts}))
	}
	return opts
}

func (a *app) started(id, run string) error {
	if a.JSON {
		return printJSON(a.out, map[string]string{"id": id, "run_id": run})
	}
	_, err := fmt.Fprintf(a.out, "started %s\nrun     %s\n", id, run)
	return err
}

// inputFlag reads a JSON value from a flag, or from the file that it names.
func inputFlag(s string) (protocol.Payload, error) {
	data := []byte(s)
	if name, ok := strings.CutPrefix(s, "@"); ok {
		var err error
		if data, err = os.ReadFile(name); err != nil { //nolint:gosec // the person at the keyboard names the file
			return protocol.Payload{}, protocol.Errorf(protocol.CodeBadRequest, "cannot read the input: %v", err).
				WithHint("--input takes JSON, or @ and the name of a file that holds it")
		}
	}
	if len(data) == 0 {
		return protocol.Payload{}, nil
	}
	return protocol.JSONPayload(data)
}

// canRun reports whether somebody is there to run the workflow, or the activity. A start is durable and could wait for a worker, but at a
// keyboard a misspelt name is more likely than a worker that comes later.
func canRun(ctx context.Context, c *client.Client, queue, what, typ string) error {
	workers, err := c.Workers(ctx, queue)
	if err != nil {
		return err
	}
	if len(workers) == 0 {
		return protocol.Errorf(protocol.CodeNoWorker, "no worker serves the queue %q", queue).
			WithHint("start a worker on it, list the queues with `millrace workers`, or add --force to let the %s wait", what)
	}
	var known []string
	for _, w := range workers {
		types := w.Workflows
		if what == "activity" {
			types = w.Activities
		}
		if slices.Contains(types, typ) || slices.Contains(types, "*") { // a worker that takes any type
			return nil
		}
		known = append(known, types...)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	hint := "no " + what + " at all is registered there; add --force to let this one wait"
	if len(known) > 0 {
		hint = "one that is known there: " + strings.Join(known, ", ") + "; or add --force to let this one wait"
	}
	return protocol.Errorf(protocol.CodeUnknownType, "no worker on the queue %q knows the %s %q", queue, what, typ).WithHint("%s", hint)
}
