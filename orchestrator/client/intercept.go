package client

import (
	"context"
	"maps"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/propagation"
)

// Call is a call that the client makes.
type Call struct {
	// Method is what is asked for: start, signal, update, cancel, terminate, pause, reset, query, describe, result, history, list ...
	Method string
	// Workflow is the workflow ID; empty when the call is about none, as a list is.
	Workflow string
	// Headers travel with a start, a signal, an update or a query to the workflow, and but for those of a query on to its activities; nil
	// for any other call. They may be changed.
	Headers map[string]string
	// Request is what is sent, such as a [protocol.StartInput] or a [protocol.ListRequest]. Values in it are encoded already. It is there
	// to be looked at.
	Request any
	// Answer is set once the call has returned: a *[protocol.Verdict] for what changes a workflow, else what the endpoint answers.
	Answer any
}

// Invoker makes a call.
type Invoker func(ctx context.Context, call *Call) error

// Intercept wraps every call that the client makes, as middleware wraps a handler of net/http: f is called once with what makes the call
// and returns what is to be called in its place. The first interceptor is the outermost. Waiting for a result may take several calls.
//
//	client.Intercept(func(next client.Invoker) client.Invoker {
//		return func(ctx context.Context, call *client.Call) error {
//			if call.Headers != nil {
//				call.Headers["tenant"] = tenantOf(ctx)
//			}
//			return next(ctx, call)
//		}
//	})
func Intercept(f func(next Invoker) Invoker) Option {
	return func(c *Client) { c.interceptors = append(c.interceptors, f) }
}

// Propagator writes values of the caller's context into the headers of each start, signal, update and query. Defaults to none.
func Propagator(p ...propagation.Propagator) Option {
	return func(c *Client) { c.propagators = append(c.propagators, p...) }
}

// Headers are short texts that the workflow's code can read (workflow.Header), and that travel on to its activities and children. They are
// not encrypted. They are added to those of earlier options and take the place of what a [Propagator] says.
func Headers(headers map[string]string) StartOption {
	return func(s *starting) {
		merged := maps.Clone(s.Headers)
		if merged == nil {
			merged = make(map[string]string, len(headers))
		}
		maps.Copy(merged, headers)
		s.Headers = merged
	}
}

// headersOf are the headers that a call with this body sends along; nil if it cannot.
func (c *Client) headersOf(ctx context.Context, body any) map[string]string {
	var given map[string]string
	switch b := body.(type) {
	case protocol.StartInput:
		given = b.Headers
	case protocol.UpdateInput:
		given = b.Headers
	case protocol.SignalInput:
		given = b.Headers
	case protocol.QueryRequest:
		given = b.Headers
	default:
		return nil
	}
	headers := make(map[string]string)
	for _, p := range c.propagators {
		if p.Inject != nil {
			p.Inject(ctx, headers)
		}
	}
	maps.Copy(headers, given)
	return headers
}

// withHeaders is the body with the headers of the call.
func withHeaders(body protocol.InputBody, headers map[string]string) protocol.InputBody {
	if len(headers) == 0 {
		headers = nil
	}
	switch b := body.(type) {
	case protocol.StartInput:
		b.Headers = headers
		if b.Update != nil {
			u := *b.Update
			u.Headers = headers
			b.Update = &u
		}
		if b.Signal != nil {
			s := *b.Signal
			s.Headers = headers
			b.Signal = &s
		}
		return b
	case protocol.SignalInput:
		b.Headers = headers
		return b
	case protocol.UpdateInput:
		b.Headers = headers
		return b
	}
	return body
}

// invoke makes a call through the interceptors.
func (c *Client) invoke(ctx context.Context, call *Call, send Invoker) error {
	for _, wrap := range slices.Backward(c.interceptors) {
		send = wrap(send)
	}
	return send(ctx, call)
}

// workflowOf is the workflow that a request is about.
func workflowOf(request any) string {
	switch r := request.(type) {
	case protocol.RunRequest:
		return r.ID
	case protocol.HistoryRequest:
		return r.ID
	case protocol.UpdateResultRequest:
		return r.ID
	}
	return ""
}
