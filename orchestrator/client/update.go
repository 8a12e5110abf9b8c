package client

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// Update asks the open run of a workflow for an update, under a typed name that the workflow's package declares, and waits for what
// its handler returns, however long that takes: only ctx ends the waiting, and the handler does not care.
//
// An update that the workflow refuses gives a *[protocol.Failure] that matches [protocol.ErrRejected] and wraps the validator's
// error; nothing of it has happened. Any other *protocol.Failure is the handler's error. An error of code closed says that the run had
// ended, or ended before it saw the update. Asking again with the same [UpdateID] is always safe: the update is done once.
func Update[I, O any](ctx context.Context, c *Client, id string, update protocol.Update[I, O], in I, opts ...ToOption) (O, error) {
	return UpdateNamed[O](ctx, c, id, update.Name(), in, opts...)
}

// UpdateNamed is Update by name, for workflows whose package is not imported. O is what the handler returns: [protocol.Payload] if
// that is not known. in may be a [protocol.Payload] as well.
func UpdateNamed[O any](ctx context.Context, c *Client, id, name string, in any, opts ...ToOption) (O, error) {
	h, err := ask[O](ctx, c, id, name, in, opts)
	if err != nil {
		var zero O
		return zero, err
	}
	return h.Wait(ctx)
}

// StartUpdate is like [Update], and returns once the workflow has accepted the update. It waits for that for as long as ctx allows: a
// workflow without a worker accepts nothing.
func StartUpdate[I, O any](
	ctx context.Context, c *Client, id string, update protocol.Update[I, O], in I, opts ...ToOption,
) (*UpdateHandle[O], error) {
	return StartUpdateNamed[O](ctx, c, id, update.Name(), in, opts...)
}

// StartUpdateNamed is StartUpdate by name; see [UpdateNamed].
func StartUpdateNamed[O any](ctx context.Context, c *Client, id, name string, in any, opts ...ToOption) (*UpdateHandle[O], error) {
	h, err := ask[O](ctx, c, id, name, in, opts)
	if err != nil {
		return nil, err
	}
	o, err := h.reach(ctx, protocol.UpdateAccepted)
	if err == nil && o.Stage == protocol.UpdateRejected {
		_, err = result[O](ctx, c, protocol.Payload{}, o.Failure)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// UpdateID names an update within its run. The same ID is the same update, however often and by whomever it is asked for, and another one
// in the workflow's next run: who may ask again after a run has ended adds [WithRequestID], and is told what came of it there. The request
// ID when not given.
func UpdateID(id string) ToOption { return func(t *to) { t.updateID, t.again = id, true } }

// UpdateHandle is a handle on an update that comes to an O. It is safe for concurrent use.
type UpdateHandle[O any] struct {
	c                *Client
	workflow, update string
	baton            baton // the rest is for its holder

	mu      sync.Mutex
	run     string                // guarded by mu as well, when it is written
	asked   *protocol.UpdateInput // nil for an update that was not asked for here
	request string                // under which the first run was asked, once another one is
	outcome protocol.UpdateOutcome
	news    <-chan protocol.Verdict
	unwatch func()
}

// GetUpdate returns a handle on an update that was accepted before, by its workflow ID, run ID and update ID; an empty run ID means
// the workflow's latest run. It asks nothing yet.
func GetUpdate[O any](c *Client, id, run, update string) *UpdateHandle[O] {
	return &UpdateHandle[O]{c: c, workflow: id, baton: newBaton(), run: run, update: update}
}

// ID is the update's ID.
func (h *UpdateHandle[O]) ID() string { return h.update }

// WorkflowID is the ID of the workflow that was asked.
func (h *UpdateHandle[O]) WorkflowID() string { return h.workflow }

// RunID is the run that took the update; empty for the latest run of a workflow, until [UpdateHandle.Wait] has found out.
func (h *UpdateHandle[O]) RunID() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.run
}

// Wait returns what the update's handler returned, for as long as ctx allows. See [Update] for the errors.
func (h *UpdateHandle[O]) Wait(ctx context.Context) (O, error) {
	o, err := h.reach(ctx, protocol.UpdateCompleted)
	if err != nil {
		var zero O
		return zero, err
	}
	return result[O](ctx, h.c, o.Result, o.Failure)
}

// ask sends an update and returns what the step that took it made of it.
func ask[O any](ctx context.Context, c *Client, id, name string, in any, opts []ToOption) (*UpdateHandle[O], error) {
	to := target(opts)
	payload, err := c.seal(ctx, in)
	if err != nil {
		return nil, err
	}
	update := cmp.Or(to.updateID, to.requestID)
	h := GetUpdate[O](c, id, to.run, update)
	h.asked = &protocol.UpdateInput{
		Run: to.run, UpdateCall: protocol.UpdateCall{
			UpdateID: update, RequestID: to.requestID, Name: name, Input: payload, Identity: c.identity,
		},
	}
	// Listening begins before the update is sent: what follows its verdict may be announced before the verdict is read.
	if err := h.listen(ctx); err != nil {
		return nil, err
	}
	if err := h.send(ctx, to.again); err != nil {
		h.unwatch()
		return nil, err
	}
	return h, nil
}

// send asks for the update until there is a verdict: it has an ID, so it is done once. A run that ended without having seen it may be
// followed by another one, as when it continues as new: then that one is asked.
func (h *UpdateHandle[O]) send(ctx context.Context, again bool) error {
	for ; ; again = true {
		// The message has an ID of its own: an update's holds within its run only.
		v, err := h.c.ask(ctx, h.workflow, *h.asked, newID(), again)
		switch {
		case err == nil:
			h.note(v)
			return nil
		case ctx.Err() == nil && errors.Is(err, protocol.ErrTimeout):
		case ctx.Err() == nil && h.goesOn(err):
			h.goOn(err)
		default:
			return err
		}
	}
}

// goesOn reports whether the update was not seen by the run that it was sent to, and another one follows.
func (h *UpdateHandle[O]) goesOn(err error) bool {
	return h.asked != nil && h.asked.Run == "" && errors.Is(err, protocol.ErrClosed) && protocol.AsError(err).Run != ""
}

// goOn has the update asked of the run that follows. That is another request, since the run that has ended took this one; but the same
// one for whoever asks under the same ID once more.
func (h *UpdateHandle[O]) goOn(err error) {
	if h.request == "" {
		h.request = h.asked.RequestID
	}
	h.asked.RequestID = h.request + "." + protocol.AsError(err).Run
}

// listen subscribes to the announcements of the update.
func (h *UpdateHandle[O]) listen(ctx context.Context) error {
	s, err := h.c.open(ctx)
	if err != nil {
		return err
	}
	news, stop, err := s.WatchUpdated(h.workflow, h.update)
	if err != nil {
		return err
	}
	h.news, h.unwatch = news, sync.OnceFunc(stop)
	// A handle that is dropped without waiting must not leave its subscription behind.
	runtime.AddCleanup(h, func(stop func()) { stop() }, h.unwatch)
	return nil
}

// next sends the update to the run that follows the one which ended without having seen it, or returns err.
func (h *UpdateHandle[O]) next(ctx context.Context, err error) error {
	if !h.goesOn(err) {
		return err
	}
	h.setRun("")
	h.goOn(err)
	return h.send(ctx, true)
}

// note takes what was heard of the update.
func (h *UpdateHandle[O]) note(v protocol.Verdict) {
	if v.Update == nil || h.run != "" && h.run != v.Run {
		return // of an update of another run that has the same ID
	}
	h.setRun(v.Run)
	if h.outcome = *v.Update; h.outcome.Stage.Final() && h.unwatch != nil {
		h.unwatch()
	}
}

func (h *UpdateHandle[O]) setRun(run string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.run = run
}

// reach waits until the update has come to a stage, or to its end.
func (h *UpdateHandle[O]) reach(ctx context.Context, stage protocol.UpdateStage) (protocol.UpdateOutcome, error) {
	if err := h.baton.take(ctx); err != nil {
		return protocol.UpdateOutcome{}, err
	}
	defer h.baton.pass()
	there := func() bool { return h.outcome.Stage.Final() || h.outcome.Stage == stage }
	if there() {
		return h.outcome, nil
	}
	pause := askFirst
	if h.news == nil { // not asked for here: it may have ended long ago
		pause = 0
		if err := h.listen(ctx); err != nil {
			return h.outcome, err
		}
	}
	connected := h.c.nc.StatusChanged(nats.CONNECTED)
	defer h.c.nc.RemoveStatusListener(connected)
	for !there() {
		select {
		case v := <-h.news:
			if v.Error != nil && v.Run == h.run {
				if err := h.next(ctx, v.Error); err != nil {
					return h.outcome, err
				}
				continue
			}
			h.note(v)
			continue
		case <-ctx.Done():
			return h.outcome, ctx.Err()
		case <-time.After(pause):
		case <-connected:
		}
		if err := h.look(ctx); err != nil {
			if err := h.next(ctx, err); err != nil {
				return h.outcome, err
			}
		}
		pause = min(max(2*pause, askFirst), askAtMost)
	}
	return h.outcome, nil
}

// look asks how far the update has come. Whoever is away will be back, and ctx bounds the waiting.
func (h *UpdateHandle[O]) look(ctx context.Context) error {
	var v protocol.Verdict
	req := protocol.UpdateResultRequest{ID: h.workflow, Run: h.run, UpdateID: h.update}
	err := h.c.request(ctx, protocol.EndpointUpdateResult, req, &v)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		h.note(v)
		return nil
	case errors.Is(err, protocol.ErrNotFound), errors.Is(err, protocol.ErrClosed), protocol.AsError(err).Code == protocol.CodeBadRequest:
		return err
	}
	return nil
}
