package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

// activityStartCmd runs an activity alone.
type activityStartCmd struct {
	Type            string        `arg:"" help:"Activity type, such as shop.Charge."`
	ID              string        `help:"Workflow ID under which it runs; made up when not given."`
	Queue           string        `help:"Task queue whose workers run it." short:"q" required:""`
	Input           string        `help:"Its argument, as JSON; @FILE reads a file." short:"i" placeholder:"JSON"`
	RequestID       string        `help:"Makes the same command harmless a second time."`
	Reuse           string        `help:"Use the ID of a run that ended: ${enum}." enum:"allow,failed-only,reject" default:"allow"`
	OnConflict      string        `help:"If a run of the ID is open: ${enum}." enum:"fail,use-existing,terminate" default:"fail"`
	Delay           time.Duration `help:"Wait this long before the first attempt."`
	StartToClose    time.Duration `help:"How long each attempt may take."`
	ScheduleToClose time.Duration `help:"How long all attempts may take."`
	ScheduleToStart time.Duration `help:"How long an attempt may wait for a worker."`
	Heartbeat       time.Duration `help:"How long an attempt may be silent."`
	Retry           string        `help:"Its retry policy, as JSON, such as {\"maximum_attempts\": 3}." default:"{}" placeholder:"JSON"`
	Wait            bool          `help:"Wait for the result, however long it takes." short:"w"`
	Force           bool          `help:"Start even if no worker is there to run it now."`
}

// Run starts the activity, and waits for it if asked.
func (s *activityStartCmd) Run(ctx context.Context, a *app) error {
	input, err := inputFlag(s.Input)
	if err != nil {
		return err
	}
	policy, err := retryFlag(s.Retry)
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
		if err := canRun(asking, c, s.Queue, "activity", s.Type); err != nil {
			return err
		}
	}
	how := client.ActivityOptions{
		Retry: policy, StartToClose: s.StartToClose, ScheduleToClose: s.ScheduleToClose, ScheduleToStart: s.ScheduleToStart,
		Heartbeat: s.Heartbeat,
	}
	run, err := client.StartActivityNamed[json.RawMessage](asking, c, s.Type, input, how,
		client.ID(s.ID), client.Queue(s.Queue), client.RequestID(s.RequestID), client.Delay(s.Delay),
		client.Reuse(reusePolicies[s.Reuse]), client.OnConflict(conflictPolicies[s.OnConflict]))
	if err != nil {
		return err
	}
	return a.begun(ctx, run, s.Wait)
}
