package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// program is a workflow without its types, function an activity without its.
type (
	program  = replay.Program
	function = func(context.Context, protocol.Payload) (protocol.Payload, error)
)

// registry knows what a worker can run, by name.
type registry struct {
	workflows  map[string]program
	activities map[string]function
	pinned     map[string]bool // workflows whose runs stay with this version of the code
	// make builds the workflows once the worker's logger is known.
	make []func(*slog.Logger)
}

// anything is the name under which a worker registers what takes every type that it does not know by name, and by which others see that.
const anything = "*"

// workflow and activity find what runs a type.
func (r *registry) workflow(typ string) (program, bool) { return known(r.workflows, typ) }

func (r *registry) activity(typ string) (function, bool) { return known(r.activities, typ) }

func known[T any](all map[string]T, typ string) (T, bool) {
	v, ok := all[typ]
	if !ok {
		v, ok = all[anything]
	}
	return v, ok
}

// name is the name to register f under. What is wrong with it is kept for Run to report.
func (c *config) name(f any, opts []RegisterOption) (string, bool) {
	var r registration
	for _, o := range opts {
		o(&r)
	}
	if r.name != "" {
		return r.name, true
	}
	name, err := protocol.FuncName(f)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	return name, err == nil
}

func (c *config) pin(name string, opts []RegisterOption) {
	var r registration
	for _, o := range opts {
		o(&r)
	}
	c.registry.pinned[name] = r.pinned
}

func (c *config) addWorkflow(name string, build func(*slog.Logger) program) {
	if _, ok := c.registry.workflows[name]; ok {
		c.errs = append(c.errs, twice("workflow", name))
	}
	c.registry.workflows[name] = nil
	c.registry.make = append(c.registry.make, func(log *slog.Logger) { c.registry.workflows[name] = build(log) })
}

func (c *config) addActivity(name string, f function) {
	if _, ok := c.registry.activities[name]; ok {
		c.errs = append(c.errs, twice("activity", name))
	}
	c.registry.activities[name] = f
}

func twice(what, name string) error {
	return protocol.Errorf(protocol.CodeBadRequest, "the %s %q is registered twice", what, name).
		WithHint("give one of them another name with worker.Named")
}

// typed erases an activity's types.
func typed[I, O any](f func(context.Context, I) (O, error)) function {
	return func(ctx context.Context, p protocol.Payload) (protocol.Payload, error) {
		var in I
		if err := p.Decode(&in); err != nil {
			return protocol.Payload{}, undecodable{err}
		}
		out, err := f(ctx, in)
		if err != nil {
			return protocol.Payload{}, err
		}
		p, err = protocol.Encode(out)
		if err != nil {
			return protocol.Payload{}, undecodable{err}
		}
		return p, nil
	}
}

// undecodable is an input that does not fit the activity's parameter, or a result that cannot be encoded. Trying again would
// not help.
type undecodable struct{ error }

// Unwrap returns what did not fit.
func (u undecodable) Unwrap() error { return u.error }

// ApplicationFailure implements [protocol.Applicable].
func (undecodable) ApplicationFailure() *protocol.ApplicationFailure {
	return &protocol.ApplicationFailure{Type: string(protocol.CodeBadPayload), NonRetryable: true}
}

func (r *registry) workflowNames() []string { return slices.Sorted(maps.Keys(r.workflows)) }

func (r *registry) activityNames() []string { return slices.Sorted(maps.Keys(r.activities)) }
