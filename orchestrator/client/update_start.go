package client

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// UpdateWithStart asks the open run of a workflow for an update, or starts one and asks that if none is open: both in one, so that
// nobody can come in between. It returns when the start is part of history; [UpdateHandle.Wait] then tells what the update comes to. An
// update that is rejected does not take the start back. The update's ID is the start's [RequestID]: sent again, the same one starts
// nothing twice and is done once.
//
// An error of code closed says that the run ended in its first step, before it saw the update.
func UpdateWithStart[C, I, O, UI, UO any](
	ctx context.Context, c *Client, workflow func(C, I) (O, error), in I,
	update protocol.Update[UI, UO], arg UI, opts ...StartOption,
) (*Run[O], *UpdateHandle[UO], error) {
	name, err := protocol.FuncName(workflow)
	if err != nil {
		return nil, nil, err
	}
	return UpdateWithStartNamed[O, UO](ctx, c, name, in, update.Name(), arg, opts...)
}

// UpdateWithStartNamed is [UpdateWithStart] by names.
func UpdateWithStartNamed[O, UO any](
	ctx context.Context, c *Client, typ string, in any, update string, arg any, opts ...StartOption,
) (*Run[O], *UpdateHandle[UO], error) {
	s, err := c.newStart(ctx, typ, in, opts)
	if err != nil {
		return nil, nil, err
	}
	payload, err := c.seal(ctx, arg)
	if err != nil {
		return nil, nil, err
	}
	s.Update = &protocol.UpdateInput{UpdateCall: protocol.UpdateCall{
		UpdateID: s.RequestID, RequestID: newID(), Name: update, Input: payload, Identity: c.identity,
	}}
	h := GetUpdate[UO](c, s.ID, "", s.RequestID)
	h.asked = s.Update
	if err := h.listen(ctx); err != nil {
		return nil, nil, err
	}
	r, v, err := startWith[O](ctx, c, s)
	if err == nil {
		h.note(v)
		if v.Update == nil { // history tells of the start only
			err = h.send(ctx, true)
		}
	}
	if err != nil {
		h.unwatch()
		return nil, nil, err
	}
	return r, h, nil
}
