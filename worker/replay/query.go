package replay

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// QueryHandler answers queries of one name. It only reads: what it asks the run for panics.
type QueryHandler func(protocol.WorkflowQuery) (protocol.Payload, error)

// HandleQuery sets what answers queries of a name, in place of what was set before.
func (e *Env) HandleQuery(name string, h QueryHandler) {
	e.run.mayChange("handle queries")
	e.run.queries = with(e.run.queries, name, h)
}

// Query asks the code something, as the last step left it. It works on a run that has ended as well: its handlers still see its
// variables. Nothing that a handler does makes the run unusable.
func (r *Run) Query(q protocol.WorkflowQuery) *protocol.WorkflowQueryAnswer {
	if r.broken != nil {
		return &protocol.WorkflowQueryAnswer{Failure: r.broken.Failure}
	}
	result, err := r.answer(q)
	if err != nil {
		return &protocol.WorkflowQueryAnswer{Failure: protocol.NewFailure(err)}
	}
	return &protocol.WorkflowQueryAnswer{Result: result}
}

func (r *Run) answer(q protocol.WorkflowQuery) (result protocol.Payload, err error) {
	if q.Name == protocol.QueryStack {
		return protocol.Encode(r.stacks())
	}
	h, ok := r.queries[q.Name]
	if !ok {
		return result, r.unknownQuery(q.Name)
	}
	r.reader = "a query's handler"
	defer func() {
		r.reader = ""
		if p := recover(); p != nil {
			err = &protocol.Failure{
				Message: fmt.Sprintf("the handler of query %s panicked: %v", q.Name, p), Source: "go", Stack: string(debug.Stack()),
				Application: &protocol.ApplicationFailure{Type: "PanicError"},
			}
		}
	}()
	return h(q)
}

func (r *Run) unknownQuery(name string) *protocol.Failure {
	known := "none"
	if len(r.queries) > 0 {
		known = strings.Join(slices.Sorted(maps.Keys(r.queries)), ", ")
	}
	return &protocol.Failure{
		Message: fmt.Sprintf("the workflow answers no query %s; it answers %s", name, known), Source: "go",
		Application: &protocol.ApplicationFailure{Type: string(protocol.CodeUnknownQuery)},
	}
}
