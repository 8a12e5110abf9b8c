package main

import (
	"context"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// versionsCmd lists the versions of a queue's code.
type versionsCmd struct {
	Queue string `arg:"" help:"Task queue."`
}

// Run prints them.
func (v *versionsCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.VersionsAnswer, error) {
		return c.Versions(ctx, v.Queue)
	}, a.versions)
}

// promoteCmd makes a version current.
type promoteCmd struct {
	Queue   string `arg:"" help:"Task queue."`
	Version string `arg:"" optional:"" help:"Version of its workers' code; none lets any worker take new runs."`
	Force   bool   `help:"Even if no worker runs that version."`
}

// Run makes it current and prints what there is.
func (p *promoteCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.VersionsAnswer, error) {
		if p.Version == "" || p.Force {
			return c.Promote(ctx, p.Queue, p.Version)
		}
		there, err := c.Versions(ctx, p.Queue)
		if err != nil {
			return there, err
		}
		for _, v := range there.Versions {
			if v.Version == p.Version && v.Workers > 0 {
				return c.Promote(ctx, p.Queue, p.Version)
			}
		}
		return there, protocol.Errorf(protocol.CodeNoWorker, "no worker of the queue %q runs version %q", p.Queue, p.Version).
			WithHint("start one first, see `millrace versions %s`, or add --force", p.Queue)
	}, a.versions)
}

func (a *app) versions(v protocol.VersionsAnswer) error {
	return table(a.out, "VERSION\tCURRENT\tWORKERS\tOPEN RUNS", func(line func(string, ...any)) {
		for _, x := range v.Versions {
			name, current := x.Version, ""
			if name == "" {
				name = "(none)"
			}
			if v.Current != "" && x.Version == v.Current {
				current = "yes"
			}
			line("%s\t%s\t%d\t%d", name, current, x.Workers, x.Open)
		}
	})
}
