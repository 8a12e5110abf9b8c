package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

// CompleteActivity ends an activity that returned activity.ErrResultPending, with a result that must be encodable as JSON. token is what
// activity.Token returned. It returns when the result is part of the run's history; an error of code not_found says that the attempt is
// over, closed that the run has ended.
func (c *Client) CompleteActivity(ctx context.Context, token string, result any) error {
	payload, err := protocol.Encode(result)
	if err != nil {
		return err
	}
	return c.endActivity(ctx, token, protocol.ActivityResult{Result: payload})
}

// FailActivity ends an attempt of an activity that returned activity.ErrResultPending with an error, which is tried again as the
// activity's retry policy says. An error that matches [protocol.ErrCanceled] ends it as canceled, if the workflow asked for that.
func (c *Client) FailActivity(ctx context.Context, token string, err error) error {
	if err == nil {
		err = errors.New("the activity failed")
	}
	return c.endActivity(ctx, token, protocol.ActivityResult{Failure: protocol.NewFailure(err)})
}

func (c *Client) endActivity(ctx context.Context, token string, r protocol.ActivityResult) error {
	t, err := protocol.ParseActivityToken(token)
	if err != nil {
		return err
	}
	if err := c.edge(ctx).SealAll(&r); err != nil {
		return err
	}
	r.Run, r.ScheduledID, r.Worker = t.Run, t.ScheduledID, c.identity
	r.Attempt, r.Forgiven, r.Reset, r.Latest = t.Attempt, t.Forgiven, t.Reset, t.Latest
	r.RequestID = newID()
	id := protocol.TaskID(t.Run, t.ScheduledID, t.Number()) // only the first result of an attempt is stored
	if t.Latest {
		id = r.RequestID // that one may be over, and another meant
	}
	_, err = c.ask(ctx, t.Workflow, r, id, true)
	return err
}

// HeartbeatActivity reports that an activity is at work which returned activity.ErrResultPending, and how far it is; the next attempt finds
// the details with activity.HeartbeatDetails. It puts the attempt's heartbeat timeout off, and reports whether the workflow has asked the
// activity to stop.
func (c *Client) HeartbeatActivity(ctx context.Context, token string, details any) (cancelRequested bool, err error) {
	t, err := protocol.ParseActivityToken(token)
	if err != nil {
		return false, err
	}
	payload, err := c.seal(ctx, details)
	if err != nil {
		return false, err
	}
	d, err := c.Describe(ctx, t.Workflow, InRun(t.Run))
	if err != nil {
		return false, err
	}
	for _, a := range d.Activities {
		if a.ScheduledID == t.ScheduledID {
			s, err := c.open(ctx)
			if err != nil {
				return false, err
			}
			h := protocol.Heartbeat{Attempt: t.Attempt, Reset: t.Reset, Time: now(), Details: payload}
			return a.CancelRequested, s.PutHeartbeat(ctx, t.Run, t.ScheduledID, h)
		}
	}
	return false, protocol.Errorf(protocol.CodeNotFound, "the activity is over").
		WithHint("`millrace describe %s` shows what is pending", t.Workflow)
}

// ActivityToken makes the token of a pending activity out of its workflow ID and activity ID, as [Client.Describe] shows them, for whoever
// was not handed one. Unlike a token that an attempt handed out, it is good for whichever attempt is pending when it is used.
func (c *Client) ActivityToken(ctx context.Context, workflow, activity string, opts ...ToOption) (string, error) {
	d, err := c.Describe(ctx, workflow, opts...)
	if err != nil {
		return "", err
	}
	for _, a := range d.Activities {
		if a.ActivityID == activity {
			return protocol.ActivityToken{
				Workflow: workflow, Run: d.Run, ScheduledID: a.ScheduledID, Attempt: a.Attempt, Forgiven: a.Forgiven, Reset: a.Reset,
				Latest: true,
			}.String(), nil
		}
	}
	return "", fmt.Errorf("complete an activity: %w", protocol.Errorf(protocol.CodeNotFound,
		"workflow %q has no pending activity %q", workflow, activity).WithHint("`millrace describe %s` lists them", workflow))
}
