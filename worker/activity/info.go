package activity

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Details describe a running activity.
type Details struct {
	// Workflow, Run and WorkflowType say for whom the activity runs. One that runs alone has no WorkflowType.
	Workflow, Run, WorkflowType string
	// ID is the activity's ID in the run, Type its registered name, Queue where it was taken from.
	ID, Type, Queue string
	// Attempt counts from 1.
	Attempt int
	// Scheduled is when the workflow asked for the activity, Started when this attempt began.
	Scheduled, Started time.Time
	// Deadline is when this attempt must have ended; zero when it may take as long as it likes.
	Deadline time.Time
	// HeartbeatTimeout is the longest time between two heartbeats; zero when none are asked for.
	HeartbeatTimeout time.Duration
	// LastFailure is why the attempt before this one failed; nil on the first.
	LastFailure *protocol.Failure
	// Headers are what the caller attached. They must not be changed.
	Headers map[string]string
}

// Key is the same for every attempt of an activity and different for every activity: the key under which to make what the
// activity does idempotent.
func (d Details) Key() string { return d.Run + "/" + d.ID }

// String names the activity and its attempt.
func (d Details) String() string {
	return d.Type + " " + d.Key() + " attempt " + strconv.Itoa(d.Attempt)
}

// Info describes the activity that ctx belongs to; its zero value says that it belongs to none.
func Info(ctx context.Context) Details {
	if e, ok := envOf(ctx); ok {
		return e.Details
	}
	return Details{}
}

// Logger is the worker's logger with the activity's attributes, or [slog.Default] outside of an activity.
func Logger(ctx context.Context) *slog.Logger {
	if e, ok := envOf(ctx); ok {
		d := e.Details
		return e.Logger.With("workflow_id", d.Workflow, "run_id", d.Run, "activity_type", d.Type, "activity_id", d.ID, "attempt", d.Attempt)
	}
	return slog.Default()
}
