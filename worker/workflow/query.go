package workflow

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

// Query is a typed name: I is what a query asks with and O what it is answered with. Clients ask it, and workflows answer.
type Query[I, O any] = protocol.Query[I, O]

// NewQuery names a query. Declare it once, as a package variable beside the workflow that answers it.
func NewQuery[I, O any](name string) Query[I, O] { return protocol.NewQuery[I, O](name) }

// HandleQuery has answer called for each query of that name. It may look at the workflow's variables and must not change them, and must
// not wait or ask for anything: a query leaves no trace in history, so what its handler did would be missing when the code runs again. A
// handler that tries, or panics, fails the query and not the run. An error is the query's answer.
//
// Set the handlers before the workflow waits for the first time. They answer after its end as well, with the variables as they were
// left. A later HandleQuery of the same name takes the place of the first.
func HandleQuery[I, O any](ctx Context, query Query[I, O], answer func(in I) (O, error)) {
	ctx.env().HandleQuery(query.Name(), func(q protocol.WorkflowQuery) (protocol.Payload, error) {
		ask := intercepted(ctx, func(_ Context, name string, p protocol.Payload) (protocol.Payload, error) {
			return answerQuery(name, p, answer)
		}, func(i Interceptor) func(QueryFunc) QueryFunc { return i.Query })
		return ask(ctx.withHeaders(q.Headers), q.Name, q.Input)
	})
}

func answerQuery[I, O any](name string, p protocol.Payload, answer func(in I) (O, error)) (protocol.Payload, error) {
	var in I
	if err := p.Decode(&in); err != nil {
		return protocol.Payload{}, payloadError(fmt.Sprintf("the value of query %s cannot be decoded", name), err)
	}
	out, err := answer(in)
	if err != nil {
		return protocol.Payload{}, err
	}
	result, err := protocol.Encode(out)
	if err != nil {
		return protocol.Payload{}, payloadError(fmt.Sprintf("the answer to query %s cannot be encoded", name), err)
	}
	return result, nil
}
