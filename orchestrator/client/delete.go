package client

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// Delete removes every run of a workflow, whose latest must have ended. With [InRun] it removes that run and those before it: all runs of
// a workflow ID lie one after the other, and what goes is a beginning. Nothing tells of what was removed: asking for it is an error of
// code not_found, and the workflow ID can be used as if it were new.
//
// An error of code conflict says that the run has not ended; unavailable, that something is still being done for it: try again.
func (c *Client) Delete(ctx context.Context, id string, opts ...ToOption) error {
	var v protocol.Verdict
	return c.request(ctx, protocol.EndpointDelete, protocol.RunRequest{ID: id, Run: aim(to{}, opts).run}, &v)
}
