package orchestrator

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// maxDescribed is of how many pending activities describe looks up the attempt.
const maxDescribed = 100

// describe tells everything about a run: what history says, and which attempts of its activities are on their way.
func (c control) describe(ctx context.Context, r protocol.RunRequest) (protocol.Description, error) {
	v, err := c.read(ctx, r.ID, r.Run)
	if err != nil {
		return protocol.Description{}, err
	}
	d := v.workflow.Describe()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range d.Activities[:min(len(d.Activities), maxDescribed)] {
		g.Go(func() error { return c.attempt(ctx, r.ID, d.Run, &d.Activities[i]) })
	}
	return d, g.Wait()
}

// attempt adds which attempt of an activity waits, lies on its queue or runs: history tells only of those that somebody must know of.
// One that cannot be read is passed over, so that what else there is to see is seen.
func (c control) attempt(ctx context.Context, workflow, run string, p *protocol.PendingActivity) error {
	task, at, err := c.store.Retry(ctx, protocol.Shard(workflow, c.store.Shards()), workflow, run, p.ScheduledID)
	if task == nil && err == nil {
		task, err = c.store.QueuedActivity(ctx, p.Queue, run, p.ScheduledID)
	}
	switch {
	case errors.Is(err, protocol.ErrCorrupt):
		return nil
	case err != nil || task == nil || task.Number() < p.Attempt+p.Forgiven:
		return err
	case task.HandedTo != "":
		at = time.Time{} // a worker has it: then somebody asks whether it still does
	}
	p.Attempt, p.Forgiven, p.LastFailure, p.NextAttempt = task.Attempt, task.Forgiven, task.LastFailure, at
	return nil
}
