package activity

import (
	"context"
	"log/slog"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// Env is what a worker lends to an activity. It is exported for package worker; it carries no compatibility promise.
type Env struct {
	// Details describe the activity.
	Details Details
	// ScheduledID is the event that scheduled the activity.
	ScheduledID int64
	// Forgiven and Reset belong to the attempt's [Token].
	Forgiven int
	Reset    int64
	// Logger is the worker's; [Logger] adds the attributes of the activity.
	Logger *slog.Logger
	// Heartbeat takes what the activity reports.
	Heartbeat func(protocol.Payload) error
	// LastHeartbeat reads what an earlier attempt reported last; nil when none did.
	LastHeartbeat func(context.Context) (*protocol.Payload, error)
	// Files reads and writes the object store, for as long as a context lasts.
	Files func(context.Context) codec.Files
}

type envKey struct{}

// With returns a context in which the functions of this package work. It is exported for package worker.
func With(ctx context.Context, e *Env) context.Context { return context.WithValue(ctx, envKey{}, e) }

func envOf(ctx context.Context) (*Env, bool) {
	e, ok := ctx.Value(envKey{}).(*Env)
	return e, ok
}

func outside(what string) error {
	return protocol.Errorf(protocol.CodeBadRequest, "%s was called outside of an activity", what).
		WithHint("pass the context that the activity was called with")
}
