package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

const (
	workSleepers = "sleepers"
	workTimers   = "timers"
	// dueRate is how many of the timers are due per second: of a hundred thousand, ten thousand within a minute.
	dueRate = 10_000.0 / 60
)

// sleepers measure what a run costs that sleeps, how soon a node works that finds a great number of them, and how late timers are.
func sleepers(ctx context.Context, s *session) (err error) {
	if s.Sleepers == 0 || !s.wants(workSleepers) && !s.wants(workTimers) {
		return nil
	}
	h, err := build(ctx, s.Options)
	defer func() { err = errors.Join(err, h.close()) }()
	if err != nil {
		return err
	}
	due := s.Sleepers / 10
	if err := h.fill(ctx, s, s.Sleepers-due); err != nil {
		return err
	}
	t := h.newTimers(due)
	if err := t.start(ctx, 0); err != nil { // these are in no node's memory when their time comes
		return err
	}
	if err := h.restart(ctx, s); err != nil {
		return err
	}
	if !s.wants(workTimers) {
		return nil
	}
	if err := t.start(ctx, 1); err != nil {
		return err
	}
	return t.measure(ctx, s)
}

// sleep starts n runs that sleep, many at once. until is when each wakes up, and prefix and a number its ID.
func (h *house) sleep(ctx context.Context, prefix string, n int, until func(i int) time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(h.InFlight)
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if i%1000 == 0 {
				h.Progress("putting runs to sleep", i, n)
			}
			_, err := client.Start(ctx, h.client, Nap, until(i), client.Queue(queue), client.ID(prefix+strconv.Itoa(i)))
			return err
		})
	}
	return group.Wait()
}

// fill puts n runs to sleep for a day, and measures what the node remembers of each.
func (h *house) fill(ctx context.Context, s *session, n int) error {
	before, err := h.heap(ctx)
	if err != nil {
		return err
	}
	start, day := time.Now(), time.Now().Add(24*time.Hour)
	if err := h.sleep(ctx, "sleeper-", n, func(int) time.Time { return day }); err != nil {
		return fmt.Errorf("put runs to sleep: %w", err)
	}
	rate := float64(n) / time.Since(start).Seconds()
	if !s.wants(workSleepers) {
		return nil
	}
	atOnce, err := h.heap(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, h.Settling); err != nil {
		return err
	}
	after, err := h.heap(ctx)
	if err != nil {
		return err
	}
	perRun := func(heap float64) float64 { return (heap - before) / float64(n) }
	s.limit(Limit{Name: "runs put to sleep", N: n, Value: rate, Unit: "/s"})
	s.limit(Limit{Name: "node's heap per run that just fell asleep", N: n, Value: perRun(atOnce), Unit: "bytes"})
	s.limit(Limit{Name: "node's heap per sleeping run", N: n, Value: perRun(after), Unit: "bytes", Required: 2048})
	return nil
}

// restart measures how long it takes from the start of a new node, and of everything, to the end of the first step.
func (h *house) restart(ctx context.Context, s *session) error {
	first := func(name string, kill func(), open func(context.Context) error) error {
		kill()
		took, err := timed(func() error {
			if err := open(ctx); err != nil {
				return err
			}
			return client.Signal(ctx, h.client, "sleeper-0", poke, 1) // whoever gets the answer knows that the step is recorded
		})
		if err == nil && s.wants(workSleepers) {
			s.limit(Limit{Name: name, N: s.Sleepers, Value: took.Seconds(), Unit: "s", Required: 2})
		}
		return err
	}
	s.Progress("a restart", 0, 1)
	if err := first("first step of a new node", h.node.kill, h.openNode); err != nil {
		return err
	}
	return first("first step after everything was killed", h.kill, h.open)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
