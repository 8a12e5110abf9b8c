package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// activityCmd is what can be done to single activities.
type activityCmd struct {
	Start    activityStartCmd    `cmd:"" help:"Run an activity alone, without a workflow."`
	Pause    activityPauseCmd    `cmd:"" help:"Let no further attempt of a pending activity begin."`
	Unpause  activityUnpauseCmd  `cmd:"" help:"Let a paused activity go on, at once."`
	Reset    activityResetCmd    `cmd:"" help:"Count a pending activity's attempts from 1, and try again at once."`
	Update   activityUpdateCmd   `cmd:"" help:"Change the queue, the timeouts or the retries of a pending activity."`
	Complete activityCompleteCmd `cmd:"" help:"End an activity whose result is pending."`
	Fail     activityFailCmd     `cmd:"" help:"End an attempt of an activity whose result is pending with an error."`
}

// pendingActivity names pending activities of a run.
type pendingActivity struct {
	one

	Activity  string `arg:"" help:"ID of a pending activity, or the type of every one to reach; describe lists them."`
	Reason    string `help:"Kept in history."`
	RequestID string `help:"Makes the same command harmless a second time."`
}

func (p *pendingActivity) to() []client.ToOption {
	opts := p.one.to(client.Reason(p.Reason))
	if p.RequestID != "" {
		opts = append(opts, client.WithRequestID(p.RequestID))
	}
	return opts
}

func (p *pendingActivity) steer(ctx context.Context, a *app, did string, call func(context.Context, *client.Client) error) error {
	if err := a.call(ctx, call); err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]string{"id": p.ID, "activity": p.Activity, "done": strings.TrimSuffix(did, ":")})
	}
	_, err := fmt.Fprintf(a.out, "%s %s of %s\n", did, p.Activity, p.ID)
	return err
}

type activityPauseCmd struct{ pendingActivity }

// Run returns once the pause is recorded.
func (p *activityPauseCmd) Run(ctx context.Context, a *app) error {
	return p.steer(ctx, a, "paused", func(ctx context.Context, c *client.Client) error {
		return c.PauseActivity(ctx, p.ID, p.Activity, p.to()...)
	})
}

type activityUnpauseCmd struct{ pendingActivity }

// Run returns once the activity may go on.
func (p *activityUnpauseCmd) Run(ctx context.Context, a *app) error {
	return p.steer(ctx, a, "goes on:", func(ctx context.Context, c *client.Client) error {
		return c.UnpauseActivity(ctx, p.ID, p.Activity, p.to()...)
	})
}

type activityResetCmd struct {
	pendingActivity

	KeepPaused     bool `help:"Leave a paused activity paused."`
	DropHeartbeat  bool `help:"Hide what earlier attempts reported from the next one."`
	RestoreOptions bool `help:"Put back the options that the workflow asked for."`
}

// Run returns once the reset is recorded.
func (p *activityResetCmd) Run(ctx context.Context, a *app) error {
	opts := p.to()
	for set, o := range map[*bool]func() client.ToOption{
		&p.KeepPaused: client.KeepPaused, &p.DropHeartbeat: client.DropHeartbeat, &p.RestoreOptions: client.RestoreOptions,
	} {
		if *set {
			opts = append(opts, o())
		}
	}
	return p.steer(ctx, a, "begins anew:", func(ctx context.Context, c *client.Client) error {
		return c.ResetActivity(ctx, p.ID, p.Activity, opts...)
	})
}

type activityUpdateCmd struct {
	pendingActivity

	Queue           *string        `help:"Where the next attempt is put." placeholder:"NAME"`
	ScheduleToClose *time.Duration `help:"How long all attempts may take; 0 means no limit." placeholder:"DURATION"`
	ScheduleToStart *time.Duration `help:"How long an attempt may wait for a worker." placeholder:"DURATION"`
	StartToClose    *time.Duration `help:"How long each attempt may take." placeholder:"DURATION"`
	Heartbeat       *time.Duration `help:"How long an attempt may be silent." placeholder:"DURATION"`
	Retry           *string        `help:"The whole retry policy, as JSON, such as {\"maximum_attempts\": 3}." placeholder:"JSON"`
	Restore         bool           `help:"Put back the options that the workflow asked for."`
}

// Run returns once the change is recorded.
func (p *activityUpdateCmd) Run(ctx context.Context, a *app) error {
	changes := client.ActivityChanges()
	if p.Queue != nil {
		changes.Queue(*p.Queue)
	}
	for d, set := range map[**time.Duration]func(time.Duration) *client.Changes{
		&p.ScheduleToClose: changes.ScheduleToClose, &p.ScheduleToStart: changes.ScheduleToStart,
		&p.StartToClose: changes.StartToClose, &p.Heartbeat: changes.HeartbeatTimeout,
	} {
		if *d != nil {
			set(**d)
		}
	}
	if p.Retry != nil {
		policy, err := retryFlag(*p.Retry)
		if err != nil {
			return err
		}
		changes.Retry(policy)
	}
	opts := p.to()
	if p.Restore {
		opts = append(opts, client.RestoreOptions())
	}
	return p.steer(ctx, a, "changed", func(ctx context.Context, c *client.Client) error {
		return c.UpdateActivity(ctx, p.ID, p.Activity, changes, opts...)
	})
}

// retryFlag reads a retry policy.
func retryFlag(s string) (p protocol.RetryPolicy, err error) {
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return p, protocol.Errorf(protocol.CodeBadRequest, "--retry is no retry policy: %v", err).
			WithHint(`--retry '{"initial_interval": "1s", "maximum_attempts": 3}'`)
	}
	return p, nil
}

// pendingResult names one activity whose result somebody else delivers.
type pendingResult struct {
	one

	Activity string `arg:"" help:"ID of the activity."`
}

func (p *pendingResult) end(ctx context.Context, a *app, did string, end func(*client.Client, string) error) error {
	named := pendingActivity{one: p.one, Activity: p.Activity}
	return named.steer(ctx, a, did, func(ctx context.Context, c *client.Client) error {
		token, err := c.ActivityToken(ctx, p.ID, p.Activity, p.to()...)
		if err != nil {
			return err
		}
		return end(c, token)
	})
}

type activityCompleteCmd struct {
	pendingResult

	Result string `help:"Its result, as JSON; @FILE reads a file." short:"r" placeholder:"JSON"`
}

// Run returns once the result is part of the run's history.
func (p *activityCompleteCmd) Run(ctx context.Context, a *app) error {
	result, err := inputFlag(p.Result)
	if err != nil {
		return err
	}
	return p.end(ctx, a, "completed", func(c *client.Client, token string) error {
		return c.CompleteActivity(ctx, token, result)
	})
}

type activityFailCmd struct {
	pendingResult

	Message   string `help:"What went wrong." default:"the activity failed"`
	Permanent bool   `help:"Do not try again."`
}

// Run returns once the failure is recorded, or the next attempt decided.
func (p *activityFailCmd) Run(ctx context.Context, a *app) error {
	return p.end(ctx, a, "failed", func(c *client.Client, token string) error {
		return c.FailActivity(ctx, token, &protocol.Failure{
			Message: p.Message, Application: &protocol.ApplicationFailure{Type: "CLI", NonRetryable: p.Permanent},
		})
	})
}
