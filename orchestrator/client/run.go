package client

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	// askFirst and askAtMost are how long Wait listens before it asks for the result, and how that grows. The end of a run
	// is announced, so asking is for announcements that got lost: most of all while the connection was lost, and so a
	// new connection makes Wait ask at once. While nobody answers the announcement may get lost as well, and Wait asks more often.
	askFirst  = time.Second
	askAtMost = 5 * time.Minute
	askAway   = 10 * time.Second
)

// grown is how long Wait listens after it has asked to no avail.
func grown(pause time.Duration, answered bool) time.Duration {
	most := askAtMost
	if !answered {
		most = askAway
	}
	return min(max(2*pause, askFirst), most)
}

// Run is a handle on a run whose workflow returns an O. It is safe for concurrent use.
type Run[O any] struct {
	c     *Client
	id    string
	baton baton // the rest is for its holder

	mu      sync.Mutex
	run     string // guarded by mu as well, when it is written
	last    string // the run of the chain that is waited for
	closed  <-chan protocol.Outcome
	unwatch func()
	outcome *protocol.Outcome
}

// Get returns a handle on a run that exists: the workflow's latest when run is empty. It asks nothing yet.
func Get[O any](c *Client, id, run string) *Run[O] {
	return &Run[O]{c: c, id: id, baton: newBaton(), run: run, last: run}
}

// ID is the workflow ID.
func (r *Run[O]) ID() string { return r.id }

// RunID is the run's ID; empty for the latest run of a workflow, until [Run.Wait] has found out. It stays that of the first run when
// others follow.
func (r *Run[O]) RunID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run
}

// watch is how the end of a run is heard of: [jetstream.Store.WatchOwn] for one that was started here, else WatchClosed.
type watch = func(s *jetstream.Store, run string) (<-chan protocol.Outcome, func(), error)

// listen subscribes to the announcement of the run's end.
func (r *Run[O]) listen(ctx context.Context, watch watch) error {
	s, err := r.c.open(ctx)
	if err != nil {
		return err
	}
	closed, stop, err := watch(s, r.last)
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

// Wait returns what the workflow returned, however long that takes: only ctx ends the waiting, and the run does not care. A run that
// continues as new or is tried again is followed by others: Wait returns what the last of them returned.
// A workflow that did not complete gives a *[protocol.Failure]: errors.Is(err, [protocol.ErrCanceled]) tells a canceled one, and
// errors.As finds the failure of the activity that was the cause.
func (r *Run[O]) Wait(ctx context.Context) (O, error) {
	o, err := r.await(ctx)
	if err != nil {
		var zero O
		return zero, err
	}
	return result[O](ctx, r.c, o.Result, o.Failure)
}

// await waits for the outcome of the chain's last run.
func (r *Run[O]) await(ctx context.Context) (*protocol.Outcome, error) {
	if err := r.baton.take(ctx); err != nil {
		return nil, err
	}
	defer r.baton.pass()
	if r.outcome != nil {
		return r.outcome, nil
	}
	connected := r.c.nc.StatusChanged(nats.CONNECTED)
	defer r.c.nc.RemoveStatusListener(connected)
	pause := askFirst
	if r.closed == nil { // not started here: it may have ended long ago
		pause = 0
	}
	for {
		o, answered, err := r.hear(ctx, pause, connected)
		switch {
		case err != nil:
			return nil, err
		case o == nil:
			pause = grown(pause, answered)
		case o.Next == "":
			r.settle(o)
			return o, nil
		default:
			r.stop()
			r.last, pause = o.Next, 0
			if err := r.listen(ctx, (*jetstream.Store).WatchClosed); err != nil {
				return nil, err
			}
		}
	}
}

// hear waits until the run's end is announced, or for the length of a pause, after which it asks. No outcome and no error: it goes on, or
// nobody has answered.
func (r *Run[O]) hear(
	ctx context.Context, pause time.Duration, connected <-chan nats.Status,
) (_ *protocol.Outcome, answered bool, err error) {
	select {
	case o := <-r.closed:
		return &o, true, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-time.After(pause):
	case <-connected:
	}
	return r.ask(ctx)
}

// ask asks how the run ended; nil when it has not, or when nobody answers right now.
func (r *Run[O]) ask(ctx context.Context) (_ *protocol.Outcome, answered bool, err error) {
	var o protocol.Outcome
	err = r.c.request(ctx, protocol.EndpointResult, protocol.RunRequest{ID: r.id, Run: r.last}, &o)
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case errors.Is(err, protocol.ErrNotFound) && r.last != r.run && r.run != "":
		return nil, true, nil // the run that ended names it, and it is about to begin
	case errors.Is(err, protocol.ErrNotFound), err != nil && protocol.AsError(err).Code == protocol.CodeBadRequest:
		return nil, true, err
	case err != nil:
		return nil, false, nil //nolint:nilerr // no outcome yet: whoever is away will be back, and ctx bounds the waiting
	}
	if r.last = o.Run; r.run == "" {
		r.mu.Lock()
		r.run = o.Run
		r.mu.Unlock()
	}
	if o.Status.Closed() {
		return &o, true, nil
	}
	if r.closed == nil {
		return nil, true, r.listen(ctx, (*jetstream.Store).WatchClosed)
	}
	return nil, true, nil
}

func (r *Run[O]) settle(o *protocol.Outcome) {
	r.outcome, r.last = o, o.Run
	r.stop()
}
