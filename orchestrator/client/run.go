package client

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// askFirst and askAtMost are how long Wait listens before it asks for the result, and how that grows. The end of a run
	// is announced, so asking is for announcements that got lost: most of all while the connection was lost, and so a
	// new connection makes Wait ask at once.
	askFirst  = time.Second
	askAtMost = 5 * time.Minute
)

// Run is a handle on a run whose workflow returns an O. It is safe for concurrent use.
type Run[O any] struct {
	c       *Client
	id, run string

	mu      sync.Mutex
	closed  <-chan protocol.Outcome
	unwatch func()
	outcome *protocol.Outcome
}

// Get returns a handle on a run that exists: the workflow's latest when run is empty. It asks nothing yet.
func Get[O any](c *Client, id, run string) *Run[O] { return &Run[O]{c: c, id: id, run: run} }

// ID is the workflow ID.
func (r *Run[O]) ID() string { return r.id }

// RunID is the run's ID; empty for the latest run of a workflow, until [Run.Wait] has found out.
func (r *Run[O]) RunID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run
}

// listen subscribes to the announcement of the run's end.
func (r *Run[O]) listen(ctx context.Context) error {
	s, err := r.c.open(ctx)
	if err != nil {
		return err
	}
	closed, stop, err := s.WatchClosed(r.run)
	if err != nil {
		return err
	}
	r.closed, r.unwatch = closed, sync.OnceFunc(stop)
	// A handle that is dropped without waiting must not leave its subscription behind.
	runtime.AddCleanup(r, func(stop func()) { stop() }, r.unwatch)
	return nil
}

func (r *Run[O]) stop() {
	if r.unwatch != nil {
		r.unwatch()
	}
}

// Wait returns what the workflow returned, however long that takes: only ctx ends the waiting, and the run does not care.
// A workflow that did not complete gives a *[protocol.Failure]: errors.Is(err, [protocol.ErrCanceled]) tells a canceled one, and
// errors.As finds the failure of the activity that was the cause.
func (r *Run[O]) Wait(ctx context.Context) (O, error) {
	var out O
	r.mu.Lock()
	defer r.mu.Unlock()
	o, err := r.await(ctx)
	if err != nil {
		return out, err
	}
	if o.Failure != nil {
		return out, o.Failure
	}
	result, err := r.c.fetch(ctx, o.Result)
	if err != nil {
		return out, err
	}
	err = result.Decode(&out)
	return out, err
}

// await waits for the outcome. The lock is held.
func (r *Run[O]) await(ctx context.Context) (*protocol.Outcome, error) {
	if r.outcome != nil {
		return r.outcome, nil
	}
	pause := askFirst
	if r.closed == nil { // not started here: it may have ended long ago
		pause = 0
	}
	connected := r.c.nc.StatusChanged(nats.CONNECTED)
	defer r.c.nc.RemoveStatusListener(connected)
	for {
		select {
		case o := <-r.closed:
			r.settle(&o)
			return &o, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		case <-connected:
		}
		o, err := r.ask(ctx)
		if o != nil || err != nil {
			return o, err
		}
		pause = min(max(2*pause, askFirst), askAtMost)
	}
}

// ask asks how the run ended; nil when it has not, or when nobody answers right now.
func (r *Run[O]) ask(ctx context.Context) (*protocol.Outcome, error) {
	var o protocol.Outcome
	err := r.c.request(ctx, protocol.EndpointResult, protocol.RunRequest{ID: r.id, Run: r.run}, &o)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, protocol.ErrNotFound), err != nil && protocol.AsError(err).Code == protocol.CodeBadRequest:
		return nil, err
	case err != nil:
		return nil, nil //nolint:nilerr // no outcome yet: whoever is away will be back, and ctx bounds the waiting
	case o.Status.Closed():
		r.settle(&o)
		return &o, nil
	}
	if r.run == "" {
		r.run = o.Run
	}
	if r.closed == nil {
		return nil, r.listen(ctx)
	}
	return nil, nil
}

func (r *Run[O]) settle(o *protocol.Outcome) {
	r.outcome, r.run = o, o.Run
	r.stop()
}
