package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	workBacklog = "backlog"
	// backlogHeap is the most of a node's heap, in megabytes, that may be in use while it works off a backlog, however long that is.
	backlogHeap = 192
	// backlogLook is how often the bench looks whether the backlog is worked off, and backlogWait how long a look may take.
	backlogLook = 100 * time.Millisecond
	backlogWait = time.Minute
)

// workOff measures how a node fares that finds a great number of starts in its inboxes: first without a worker, so that each start becomes
// a run whose step waits on the queue, then with one, until all runs have ended.
func workOff(ctx context.Context, s *session) (err error) {
	if !s.wants(workBacklog) || s.Backlog == 0 {
		return nil
	}
	h, err := build(ctx, s.Options)
	defer func() { err = errors.Join(err, h.close()) }()
	if err != nil {
		return err
	}
	h.worker.kill()
	h.node.kill()
	if err := h.enqueue(ctx, s.Backlog); err != nil {
		return fmt.Errorf("fill the inboxes: %w", err)
	}
	for _, phase := range []struct {
		name string
		open func(context.Context) error
		left func(inboxes, tasks uint64) uint64
	}{
		{"recorded without a worker", h.openNode, func(inboxes, _ uint64) uint64 { return inboxes }},
		{"worked off", h.openWorker, func(inboxes, tasks uint64) uint64 { return inboxes + tasks }},
	} {
		took, err := timed(func() error {
			if err := phase.open(ctx); err != nil {
				return err
			}
			return h.drained(ctx, phase.name, phase.left)
		})
		if err != nil {
			return fmt.Errorf("the backlog was not %s: %w", phase.name, err)
		}
		peak, err := h.number(ctx, peakSubject)
		if err != nil {
			return err
		}
		s.limit(Limit{Name: "starts " + phase.name, N: s.Backlog, Value: float64(s.Backlog) / took.Seconds(), Unit: "/s"})
		s.limit(Limit{Name: "node's heap at most meanwhile", N: s.Backlog, Value: peak / (1 << 20), Unit: "MB", Required: backlogHeap})
	}
	return nil
}

// enqueue stores n starts in the inboxes while no node is there.
func (h *house) enqueue(ctx context.Context, n int) error {
	store, err := jetstream.Open(ctx, h.conn, protocol.DefaultNamespace)
	if err != nil {
		return err
	}
	input, err := protocol.Encode("Ada")
	if err != nil {
		return err
	}
	name, err := protocol.FuncName(Hello)
	if err != nil {
		return err
	}
	const inFlight = 1000
	acks := make([]func(context.Context) error, 0, inFlight)
	for i := range n {
		id := "backlog-" + strconv.Itoa(i)
		start := protocol.StartInput{ID: id, Type: name, Input: input, Queue: queue, Run: h.runs.New(), RequestID: id}
		acks = append(acks, store.Send(id, start, id))
		if len(acks) < inFlight && i < n-1 {
			continue
		}
		for _, stored := range acks {
			if err := stored(ctx); err != nil {
				return err
			}
		}
		acks = acks[:0]
		h.Progress("filling the inboxes", i, n)
	}
	return nil
}

// drained waits until nothing is left of the backlog, as a phase counts it.
func (h *house) drained(ctx context.Context, phase string, left func(inboxes, tasks uint64) uint64) error {
	js, err := natsjs.New(h.conn)
	if err != nil {
		return err
	}
	held := func(stream string) (uint64, error) {
		ctx, cancel := context.WithTimeout(ctx, backlogWait)
		defer cancel()
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return 0, err
		}
		return s.CachedInfo().State.Msgs, nil
	}
	for {
		tasks, err := held(protocol.DefaultNamespace.TasksStream())
		if err != nil {
			return err
		}
		var inboxes uint64
		for i := range h.Shards {
			n, err := held(protocol.DefaultNamespace.InboxStream(i))
			if err != nil {
				return err
			}
			inboxes += n
		}
		n := left(inboxes, tasks-1) // one task is there always
		if n == 0 {
			return nil
		}
		h.Progress("starts are being "+phase, h.Backlog-min(h.Backlog, int(n)), h.Backlog) //nolint:gosec // small
		if err := pause(ctx, backlogLook); err != nil {
			return err
		}
	}
}
