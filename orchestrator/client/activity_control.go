package client

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// PauseActivity lets no further attempt of a pending activity begin. One that lies on its queue is taken off it; one that runs is asked
// to stop, with activity.ErrPaused as the cause of its context's end, and does not count if it does. Timeouts go on. activity is the ID of
// one, as [Client.Describe] shows it, or the type of every pending one to pause. Pausing a paused activity does nothing.
//
// It returns when the pause is recorded; an attempt that lies on its queue may begin within the next half second still. An error of code
// not_found says that there is no such pending activity.
func (c *Client) PauseActivity(ctx context.Context, workflow, activity string, opts ...ToOption) error {
	return c.control(ctx, workflow, activity, protocol.ActivityPause, nil, opts)
}

// UnpauseActivity lets a paused activity go on: the next attempt begins at once. activity is as in [Client.PauseActivity].
func (c *Client) UnpauseActivity(ctx context.Context, workflow, activity string, opts ...ToOption) error {
	return c.control(ctx, workflow, activity, protocol.ActivityUnpause, nil, opts)
}

// ResetActivity begins a pending activity anew: attempts are counted from 1, and one that waits for its turn begins at once. One that
// runs is asked to stop, with activity.ErrReset as the cause. A paused activity goes on, unless [KeepPaused] says otherwise. The
// schedule-to-close timeout counts on. activity is as in [Client.PauseActivity].
func (c *Client) ResetActivity(ctx context.Context, workflow, activity string, opts ...ToOption) error {
	return c.control(ctx, workflow, activity, protocol.ActivityReset, nil, opts)
}

// UpdateActivity changes options of a pending activity from its next attempt on, and of one that lies on its queue. activity is as in
// [Client.PauseActivity].
//
//	err := c.UpdateActivity(ctx, "order-42", "shop.Charge", client.ActivityChanges().StartToClose(time.Minute).Queue("eu"))
func (c *Client) UpdateActivity(ctx context.Context, workflow, activity string, changes *Changes, opts ...ToOption) error {
	return c.control(ctx, workflow, activity, protocol.ActivityUpdate, changes, opts)
}

// RestoreActivity gives a pending activity back the options that its workflow asked for. activity is as in [Client.PauseActivity].
func (c *Client) RestoreActivity(ctx context.Context, workflow, activity string, opts ...ToOption) error {
	return c.control(ctx, workflow, activity, protocol.ActivityUpdate, nil, append(opts, RestoreOptions()))
}

// KeepPaused leaves an activity paused that is reset.
func KeepPaused() ToOption { return func(t *to) { t.keepPaused = true } }

// DropHeartbeat has the next attempt of an activity that is reset find no details of an earlier heartbeat.
func DropHeartbeat() ToOption { return func(t *to) { t.dropHeartbeat = true } }

// RestoreOptions gives an activity that is reset back the options that its workflow asked for.
func RestoreOptions() ToOption { return func(t *to) { t.restore = true } }

func (c *Client) control(
	ctx context.Context, workflow, activity string, action protocol.ActivityAction, changes *Changes, opts []ToOption,
) error {
	to := target(opts)
	in := protocol.ActivityInput{
		Run: to.run, Activity: activity, Action: action, KeepPaused: to.keepPaused, DropHeartbeat: to.dropHeartbeat,
		Restore: to.restore, Reason: to.reason, RequestID: to.requestID, Identity: c.identity,
	}
	if changes != nil {
		in.Changes = &changes.c
	}
	if err := in.Validate(); err != nil {
		return err
	}
	_, err := c.ask(ctx, workflow, in, to.requestID, to.again)
	return err
}

// Changes are new values for options of a pending activity; what is not named stays as it is. Make them with [ActivityChanges]. A timeout
// of zero means none.
type Changes struct{ c protocol.ActivityChanges }

// ActivityChanges returns no changes; its methods add some.
func ActivityChanges() *Changes { return &Changes{} }

// Queue is where the next attempt is put.
func (c *Changes) Queue(name string) *Changes {
	c.c.Queue = &name
	return c
}

// ScheduleToClose is how long all attempts may take together, counted from when the workflow asked for the activity.
func (c *Changes) ScheduleToClose(d time.Duration) *Changes {
	return c.timeout(&c.c.ScheduleToClose, d)
}

// ScheduleToStart is how long an attempt may wait for a worker.
func (c *Changes) ScheduleToStart(d time.Duration) *Changes {
	return c.timeout(&c.c.ScheduleToStart, d)
}

// StartToClose is how long each attempt may take.
func (c *Changes) StartToClose(d time.Duration) *Changes { return c.timeout(&c.c.StartToClose, d) }

// HeartbeatTimeout is how long an attempt may be silent.
func (c *Changes) HeartbeatTimeout(d time.Duration) *Changes { return c.timeout(&c.c.Heartbeat, d) }

// Retry is the whole retry policy; what it leaves out takes the defaults.
func (c *Changes) Retry(p protocol.RetryPolicy) *Changes {
	c.c.RetryPolicy = &p
	return c
}

func (c *Changes) timeout(field **protocol.Duration, d time.Duration) *Changes {
	v := protocol.Duration(d)
	*field = &v
	return c
}
