package workflow

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ActivityOption changes how an activity is run. See [Do].
type ActivityOption func(*protocol.ScheduleActivityTask)

// RetryPolicy says how often and how fast a failed activity is tried again. Each field that is zero has its default:
// 1 s before the second attempt, doubled after each, at most 100 s, without end.
type RetryPolicy = protocol.RetryPolicy

// Duration is a time.Duration as it is written on the wire. Constants convert by themselves, as in
// RetryPolicy{InitialInterval: workflow.Duration(time.Second)}.
type Duration = protocol.Duration

// Retry sets the activity's retry policy. Defaults to the zero [RetryPolicy], which tries again for ever.
func Retry(p RetryPolicy) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.RetryPolicy = p }
}

// Attempts limits the attempts, the first included, and leaves the rest of the retry policy as it is. 1 means no retry,
// 0 no limit.
func Attempts(n int) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.RetryPolicy.MaximumAttempts = n }
}

// Queue names the task queue whose workers run the activity. Defaults to the workflow's own.
func Queue(name string) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.Queue = name }
}

// ScheduleToStart limits how long an attempt may wait for a worker. One that waits longer fails the activity, and is not tried again:
// another attempt would wait as well. Defaults to no limit.
func ScheduleToStart(d time.Duration) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.ScheduleToStart = protocol.Duration(d) }
}

// StartToClose limits each attempt. Defaults to no limit: the broker notices a worker that dies, whatever this says.
func StartToClose(d time.Duration) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.StartToClose = protocol.Duration(d) }
}

// ScheduleToClose limits all attempts together, with the waits between them. Defaults to no limit.
func ScheduleToClose(d time.Duration) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.ScheduleToClose = protocol.Duration(d) }
}

// HeartbeatTimeout limits the time between two heartbeats of an attempt. Defaults to none asked for.
func HeartbeatTimeout(d time.Duration) ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.Heartbeat = protocol.Duration(d) }
}

// WaitForCancel has a cancelled activity waited for: its future settles when the activity has stopped, completed or failed, and not before.
// Without it, the future settles at once and the activity is only asked to stop.
func WaitForCancel() ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.Cancellation = protocol.CancelWait }
}

// AbandonOnCancel leaves a cancelled activity alone: its future settles at once, and the activity is not asked to stop.
func AbandonOnCancel() ActivityOption {
	return func(c *protocol.ScheduleActivityTask) { c.Cancellation = protocol.CancelAbandon }
}

// WithActivityOptions returns a context whose activities have these options, unless a call says otherwise.
func WithActivityOptions(ctx Context, opts ...ActivityOption) Context {
	ctx.defaults = append(slices.Clip(ctx.defaults), opts...)
	return ctx
}

// validate reports options that the orchestrator would refuse. They may have been computed from data, so the workflow
// gets an error that it can handle.
func validate(c protocol.ScheduleActivityTask) error {
	if c.StartToClose < 0 || c.ScheduleToStart < 0 || c.ScheduleToClose < 0 || c.Heartbeat < 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "activity %s has a negative timeout", c.ActivityType)
	}
	if c.Queue != "" {
		if err := protocol.ValidateQueue(c.Queue); err != nil {
			return err
		}
	}
	return c.RetryPolicy.Validate()
}
