package activity

import (
	"context"
	"errors"

	"github.com/millrace-dev/millrace/protocol"
)

// ErrResultPending is what an activity returns whose result comes from elsewhere: a person, a callback, another service. It hands its
// [Token] over before, and whoever has that completes the activity with client.CompleteActivity or client.FailActivity, from any process.
//
// The worker is then done with the attempt, and nobody notices if whoever should complete it is gone: give the activity a StartToClose or
// ScheduleToClose timeout, or a heartbeat timeout if client.HeartbeatActivity is called for it. With the first and the last, the attempt is
// tried again as the retry policy says.
var ErrResultPending = errors.New("activity: the result is pending")

// Token names the attempt that ctx belongs to, to whoever completes it. It is empty outside of an activity.
func Token(ctx context.Context) string {
	e, ok := envOf(ctx)
	if !ok {
		return ""
	}
	return protocol.ActivityToken{
		Workflow: e.Details.Workflow, Run: e.Details.Run, ScheduledID: e.ScheduledID, Attempt: e.Details.Attempt,
		Forgiven: e.Forgiven, Reset: e.Reset,
	}.String()
}
