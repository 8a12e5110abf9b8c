package client

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// Query asks the code of a workflow's latest run something, under a typed name that the workflow's package declares; [InRun] names
// another run, which may have ended. The answer is what the run's last recorded step left; nothing is recorded. What a signal did is
// visible once [Signal] has returned, if a worker is there to take the step.
//
// A *[protocol.Failure] is the handler's error. Errors of code unknown_query, not_ready and no_worker say that the code answers no such
// query, that it has not begun, and that no worker is there to run it.
func Query[I, O any](ctx context.Context, c *Client, id string, query protocol.Query[I, O], in I, opts ...ToOption) (O, error) {
	return QueryNamed[O](ctx, c, id, query.Name(), in, opts...)
}

// Reject has a query fail with an error of code closed when the run is in a state that the condition excludes: without it, runs that have
// ended answer as well.
func Reject(condition protocol.QueryReject) ToOption { return func(t *to) { t.reject = condition } }

// QueryNamed is [Query] by name, for workflows whose package is not imported. O is what it is answered with: [protocol.Payload] if that is
// not known. in may be a [protocol.Payload] as well, and nil for a query that takes nothing.
func QueryNamed[O any](ctx context.Context, c *Client, id, name string, in any, opts ...ToOption) (O, error) {
	var out O
	to := aim(to{}, opts)
	payload, err := c.seal(ctx, in)
	if err != nil {
		return out, err
	}
	var answer protocol.QueryAnswer
	req := protocol.QueryRequest{ID: id, Run: to.run, Query: name, Payload: &payload, Reject: to.reject}
	if err := c.query(ctx, req, &answer); err != nil {
		return out, err
	}
	return result[O](ctx, c, answer.Result, answer.Failure)
}

// query asks the worker that has the run in its cache, and the control API if that does not help.
func (c *Client) query(ctx context.Context, req protocol.QueryRequest, answer *protocol.QueryAnswer) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	call := &Call{Method: protocol.EndpointQuery, Workflow: req.ID, Headers: c.headersOf(ctx, req), Request: req}
	return c.invoke(ctx, call, func(ctx context.Context, call *Call) error {
		if len(call.Headers) > 0 {
			req.Headers = call.Headers
		}
		call.Answer = answer
		if q, err := req.Question(); err == nil && q.Name != "" && req.Reject == "" {
			var known bool
			if *answer, known = s.QueryCached(ctx, req.ID, req.Run, q); known {
				return nil
			}
		}
		ctx, cancel := bounded(ctx)
		defer cancel()
		return s.Request(ctx, protocol.EndpointQuery, req, answer)
	})
}
