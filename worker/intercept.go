package worker

import (
	"context"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/propagation"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// ActivityFunc runs one attempt of an activity. activity.Info(ctx) tells which; in and the result are decoded by no codec any more, and
// not yet by their type.
type ActivityFunc = func(ctx context.Context, in protocol.Payload) (protocol.Payload, error)

// Interceptor wraps what the worker runs, as middleware wraps a handler of net/http: each function gets what it wraps and returns what is
// to be called in its place. Those that are nil wrap nothing.
type Interceptor struct {
	// Activity wraps each attempt of each activity, local ones too. What it returns runs within the attempt's deadlines, and a panic in it
	// is the attempt's. It is called once for each activity that the worker has registered.
	Activity func(next ActivityFunc) ActivityFunc
	// Workflow wraps what workflows do.
	Workflow workflow.Interceptor
}

// Intercept adds an interceptor. The first one is the outermost.
//
//	worker.Intercept(worker.Interceptor{Activity: func(next worker.ActivityFunc) worker.ActivityFunc {
//		return func(ctx context.Context, in protocol.Payload) (protocol.Payload, error) {
//			begun := time.Now()
//			defer func() { latency.Observe(activity.Info(ctx).Type, time.Since(begun)) }()
//			return next(ctx, in)
//		}
//	}})
func Intercept(i Interceptor) Option {
	return func(c *config) { c.interceptors = append(c.interceptors, i) }
}

// Propagator puts what the headers of an activity say into its context: what the client that started the workflow has written there.
// Defaults to none; headers can always be read with activity.Info.
func Propagator(p ...propagation.Propagator) Option {
	return func(c *config) { c.propagators = append(c.propagators, p...) }
}

// extract is the context of an activity with what its headers say.
func (c *config) extract(ctx context.Context, headers map[string]string) context.Context {
	for _, p := range c.propagators {
		if p.Extract != nil {
			ctx = p.Extract(ctx, headers) //nolint:fatcontext // each propagator adds what it carries
		}
	}
	return ctx
}

// intercept wraps the activities, once all options are known.
func (c *config) intercept() {
	for _, i := range slices.Backward(c.interceptors) {
		if i.Activity == nil {
			continue
		}
		for name, f := range c.registry.activities {
			c.registry.activities[name] = i.Activity(f)
		}
	}
}

// workflowInterceptors are those of workflows, outermost first.
func (c *config) workflowInterceptors() []workflow.Interceptor {
	all := make([]workflow.Interceptor, len(c.interceptors))
	for i := range all {
		all[i] = c.interceptors[i].Workflow
	}
	return all
}
