package client

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ActivityOptions are how an activity is run that is started alone; see [StartActivity]. The zero value tries again without end, and sets
// no limits.
type ActivityOptions struct {
	// Retry is the retry policy. Each field that is zero has its default: 1 s before the second attempt, doubled after each, at most
	// 100 s, without end.
	Retry protocol.RetryPolicy
	// StartToClose limits each attempt, ScheduleToClose all of them together, and ScheduleToStart the wait of one for a worker. Zero means
	// no limit.
	StartToClose, ScheduleToClose, ScheduleToStart time.Duration
	// Heartbeat limits the time between two heartbeats of an attempt. Zero means that none is asked for.
	Heartbeat time.Duration
}

// StartActivity runs an activity without a workflow around it: for one durable thing to do, with the retries, timeouts, heartbeats and
// asynchronous completion of any activity. The handle's Wait returns the activity's result.
//
// Such an activity is a run like those of workflows and shares their IDs: it is described, listed, canceled and terminated by its workflow
// ID, and Reuse, OnConflict, Delay, Memo and the like work as for [Start]. It takes no signals, updates and queries. A cancellation is
// passed on to the activity, which may come to its end all the same. Options of workflows only, such as [RunTimeout] or [Retry], are
// refused with an error of code bad_request.
func StartActivity[I, O any](
	ctx context.Context, c *Client, activity func(context.Context, I) (O, error), in I, how ActivityOptions, opts ...StartOption,
) (*Run[O], error) {
	name, err := protocol.FuncName(activity)
	if err != nil {
		return nil, err
	}
	return StartActivityNamed[O](ctx, c, name, in, how, opts...)
}

// StartActivityNamed is [StartActivity] by the activity's type, such as "shop.Charge". O is what it returns: [protocol.Payload] if that is
// not known, json.RawMessage to leave it as JSON. in may be a [protocol.Payload] as well.
func StartActivityNamed[O any](
	ctx context.Context, c *Client, typ string, in any, how ActivityOptions, opts ...StartOption,
) (*Run[O], error) {
	s, err := c.newStart(ctx, typ, in, opts)
	if err != nil {
		return nil, err
	}
	s.Activity = &protocol.ActivityOptions{
		RetryPolicy: how.Retry, StartToClose: protocol.Duration(how.StartToClose), ScheduleToClose: protocol.Duration(how.ScheduleToClose),
		ScheduleToStart: protocol.Duration(how.ScheduleToStart), Heartbeat: protocol.Duration(how.Heartbeat),
	}
	return start[O](ctx, c, s)
}

// DoActivity is [StartActivity], and waits for the result. The activity goes on when ctx ends first.
func DoActivity[I, O any](
	ctx context.Context, c *Client, activity func(context.Context, I) (O, error), in I, how ActivityOptions, opts ...StartOption,
) (O, error) {
	run, err := StartActivity(ctx, c, activity, in, how, opts...)
	if err != nil {
		var zero O
		return zero, err
	}
	return run.Wait(ctx)
}
