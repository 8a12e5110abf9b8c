package activity

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// Heartbeat reports that the activity is at work, and how far it is. An activity with a heartbeat timeout must call it more
// often than that, or the attempt fails with a timeout. Call it as often as you like: what is reported is stored at most every
// 80% of the timeout, and every 30 s when there is none. The next attempt can read the last details that were stored.
//
// Its error is the reason why the activity should stop: the workflow canceled it, or its time is over. It is safe for
// concurrent use.
func Heartbeat(ctx context.Context, details any) error {
	e, ok := envOf(ctx)
	if !ok {
		return context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p, err := protocol.Encode(details)
	if err != nil {
		return err
	}
	return e.Heartbeat(p)
}

// HeartbeatDetails reads what an earlier attempt of this activity reported last. ok is false when none did.
func HeartbeatDetails[T any](ctx context.Context) (details T, ok bool, err error) {
	e, inside := envOf(ctx)
	if !inside {
		return details, false, nil
	}
	p, err := e.LastHeartbeat(ctx)
	if err != nil || p == nil {
		return details, false, err
	}
	err = p.Decode(&details)
	return details, true, err
}
