package client

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// Reset ends the open run of a workflow, if there is one, and starts a new run under the same ID that repeats the history up to a
// step and takes that step anew: after a mistake in the code was mended, say. event is the step: a WorkflowTaskCompleted of the run's
// history. It returns the ID of the new run.
//
// What was recorded before the step is not done again. Activities that were scheduled before it and had not ended begin anew. Signals
// that came after it follow in the new run, in order, unless [DropSignals] says otherwise. Another run than the latest can be repeated
// with [InRun]. Whoever waits for the run that was ended waits for the new one.
func (c *Client) Reset(ctx context.Context, id string, event int64, opts ...ToOption) (run string, err error) {
	to := target(opts)
	v, err := c.ask(ctx, id, protocol.ResetInput{
		Run: to.run, Event: event, NewRun: c.runs.New(), DropSignals: to.dropSignals,
		Reason: to.reason, RequestID: to.requestID, Identity: c.identity,
	}, to.requestID, to.again)
	return v.Run, err
}

// DropSignals makes a [Client.Reset] leave out the signals that came after the step.
func DropSignals() ToOption { return func(t *to) { t.dropSignals = true } }
