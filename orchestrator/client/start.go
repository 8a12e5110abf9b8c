package client

import (
	"cmp"
	"context"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// Start starts a workflow and returns a handle on its run. workflow is the function that workers have registered; its name is
// the workflow type. It returns when the start is part of history. An error of code already_started says that the ID is taken,
// and by which run: its field Run.
func Start[C, I, O any](ctx context.Context, c *Client, workflow func(C, I) (O, error), in I, opts ...StartOption) (*Run[O], error) {
	name, err := protocol.FuncName(workflow)
	if err != nil {
		return nil, err
	}
	return StartNamed[O](ctx, c, name, in, opts...)
}

// StartNamed starts a workflow by its type, such as "shop.Checkout". O is what it returns: [protocol.Payload] if that is not
// known, json.RawMessage to leave it as JSON. in may be a [protocol.Payload] as well.
func StartNamed[O any](ctx context.Context, c *Client, typ string, in any, opts ...StartOption) (*Run[O], error) {
	s, err := c.newStart(ctx, typ, in, opts)
	if err != nil {
		return nil, err
	}
	return start[O](ctx, c, s)
}

// SignalWithStart signals the open run of a workflow, or starts one that begins with the signal if none is open: both in one, so that
// no signal is lost between two calls. The handle is on the run that got the signal. It is how a workflow that stands for a thing (a
// cart, a device) is fed without knowing whether it is there yet.
func SignalWithStart[C, I, O, T any](
	ctx context.Context, c *Client, workflow func(C, I) (O, error), in I, signal protocol.Signal[T], value T, opts ...StartOption,
) (*Run[O], error) {
	name, err := protocol.FuncName(workflow)
	if err != nil {
		return nil, err
	}
	return SignalWithStartNamed[O](ctx, c, name, in, signal.Name(), value, opts...)
}

// SignalWithStartNamed is [SignalWithStart] by names.
func SignalWithStartNamed[O any](
	ctx context.Context, c *Client, typ string, in any, signal string, value any, opts ...StartOption,
) (*Run[O], error) {
	s, err := c.newStart(ctx, typ, in, opts)
	if err != nil {
		return nil, err
	}
	payload, err := c.seal(ctx, value)
	if err != nil {
		return nil, err
	}
	s.Signal = &protocol.SignalInput{Name: signal, Input: payload}
	return start[O](ctx, c, s)
}

// newStart is the input of a start, with its payloads as they are sent.
func (c *Client) newStart(ctx context.Context, typ string, in any, opts []StartOption) (starting, error) {
	payload, err := protocol.Encode(in)
	s := starting{StartInput: protocol.StartInput{Type: typ, Input: payload, Queue: c.queue, Identity: c.identity}, err: err}
	for _, o := range opts {
		o(&s)
	}
	err = s.err
	s.ID, s.RequestID = cmp.Or(s.ID, newID()), cmp.Or(s.RequestID, newID())
	s.Run = c.runs.New()
	if s.Queue == "" && err == nil {
		err = protocol.Errorf(protocol.CodeBadRequest, "the start of %s names no queue", typ).
			WithHint("pass client.Queue, or give the client a client.DefaultQueue")
	}
	if err != nil {
		return s, err
	}
	err = c.edge(ctx).SealAll(&s.StartInput)
	return s, err
}

// start sends a start and makes the handle of the run that it leads to.
func start[O any](ctx context.Context, c *Client, s starting) (*Run[O], error) {
	r, _, err := startWith[O](ctx, c, s)
	return r, err
}

// startWith is start, and returns the verdict as well.
func startWith[O any](ctx context.Context, c *Client, s starting) (*Run[O], protocol.Verdict, error) {
	r := Get[O](c, s.ID, s.Run)
	// Listening begins before the start is sent: the end of a short run is announced before the start's verdict is read.
	if err := r.listen(ctx, (*jetstream.Store).WatchOwn); err != nil {
		return nil, protocol.Verdict{}, err
	}
	v, err := c.ask(ctx, s.ID, s.StartInput, s.RequestID, s.again)
	if err != nil {
		r.stop()
		return nil, protocol.Verdict{}, err
	}
	if v.Run != r.run { // a run that was there: by its policy, or because the same request had started it before
		r.stop()
		return Get[O](c, s.ID, v.Run), v, nil
	}
	if v.Outcome != nil && v.Outcome.Next == "" {
		r.settle(v.Outcome)
	}
	return r, v, nil
}

// Signal sends a value to the open run of a workflow, under a typed name that the workflow's package declares. It returns when
// the signal is part of the run's history: it will be delivered.
func Signal[T any](ctx context.Context, c *Client, id string, signal protocol.Signal[T], value T, opts ...ToOption) error {
	return c.SignalNamed(ctx, id, signal.Name(), value, opts...)
}

// SignalNamed is Signal by name, for workflows whose package is not imported. value may be a [protocol.Payload].
func (c *Client) SignalNamed(ctx context.Context, id, name string, value any, opts ...ToOption) error {
	to := target(opts)
	payload, err := c.seal(ctx, value)
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, id, protocol.SignalInput{
		Run: to.run, Name: name, Input: payload, RequestID: to.requestID, Identity: c.identity,
	}, to.requestID, to.again)
	return err
}
