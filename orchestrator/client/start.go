package client

import (
	"cmp"
	"context"

	"github.com/google/uuid"

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
	payload, err := protocol.Encode(in)
	if err != nil {
		return nil, err
	}
	s := protocol.StartInput{Type: typ, Input: payload, Queue: c.queue, Identity: c.identity}
	for _, o := range opts {
		o(&s)
	}
	s.ID, s.RequestID = cmp.Or(s.ID, newID()), cmp.Or(s.RequestID, newID())
	s.Run = uuid.Must(uuid.NewV7()).String()
	if s.Queue == "" {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the start of %s names no queue", typ).
			WithHint("pass client.Queue, or give the client a client.DefaultQueue")
	}
	r := &Run[O]{c: c, id: s.ID, run: s.Run}
	// Listening begins before the start is sent: the end of a short run is announced before the start's verdict is read.
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
	if s.Input, err = c.stow(ctx, s.Run, s.Input); err != nil {
		r.stop()
		return nil, err
	}
	v, err := c.ask(ctx, s.ID, s, s.RequestID)
	if err != nil {
		r.stop()
		return nil, err
	}
	if v.Run != r.run { // the same request had started a run before
		r.stop()
		return Get[O](c, s.ID, v.Run), nil
	}
	return r, nil
}

// Signal sends a value to the open run of a workflow, under a typed name that the workflow's package declares. It returns when
// the signal is part of the run's history: it will be delivered.
func Signal[T any](ctx context.Context, c *Client, id string, signal protocol.Signal[T], value T, opts ...ToOption) error {
	return c.SignalNamed(ctx, id, signal.Name(), value, opts...)
}

// SignalNamed is Signal by name, for workflows whose package is not imported. value may be a [protocol.Payload].
func (c *Client) SignalNamed(ctx context.Context, id, name string, value any, opts ...ToOption) error {
	payload, err := protocol.Encode(value)
	if err != nil {
		return err
	}
	to := target(opts)
	if payload, err = c.stow(ctx, to.requestID, payload); err != nil {
		return err
	}
	_, err = c.ask(ctx, id, protocol.SignalInput{
		Run: to.run, Name: name, Input: payload, RequestID: to.requestID, Identity: c.identity,
	}, to.requestID)
	return err
}
