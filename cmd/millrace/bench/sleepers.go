package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	cost, late := s.wants(workSleepers), s.wants(workTimers)
	if s.Sleepers == 0 || !cost && !late {
		return nil
	}
	h, err := build(ctx, s.Options)
	defer func() { err = errors.Join(err, h.close()) }()
	if err != nil {
		return err
	}
	due := s.Sleepers / 10
	costs, err := h.fill(ctx, s.Sleepers-due, cost)
	if err != nil {
		return err
	}
	t := h.newTimers(due)
	if err := t.start(ctx, 0); err != nil { // these are in no node's memory when their time comes
		return err
	}
	restarts, err := h.restart(ctx)
	if err != nil {
		return err
	}
	if cost {
		s.report.Limits = slices.Concat(s.report.Limits, costs, restarts)
	}
	if !late {
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

// fill puts n runs to sleep for a day, and measures what the node remembers of each, if anybody wants to know.
func (h *house) fill(ctx context.Context, n int, look bool) ([]Limit, error) {
	before, err := h.heap(ctx)
	if err != nil {
		return nil, err
	}
	start, day := time.Now(), time.Now().Add(24*time.Hour)
	if err := h.sleep(ctx, "sleeper-", n, func(int) time.Time { return day }); err != nil {
		return nil, fmt.Errorf("put runs to sleep: %w", err)
	}
	rate := float64(n) / time.Since(start).Seconds()
	if !look {
		return nil, nil
	}
	atOnce, err := h.heap(ctx)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, h.Settling); err != nil {
		return nil, err
	}
	after, err := h.heap(ctx)
	perRun := func(heap float64) float64 { return (heap - before) / float64(n) }
	return []Limit{
		{Name: "runs put to sleep", N: n, Value: rate, Unit: "/s"},
		{Name: "node's heap per run that just fell asleep", N: n, Value: perRun(atOnce), Unit: "bytes"},
		{Name: "node's heap per sleeping run", N: n, Value: perRun(after), Unit: "bytes", Required: 2048},
	}, err
}

// restart measures how long it takes from the start of a new node, and of everything, to the end of the first step.
func (h *house) restart(ctx context.Context) (limits []Limit, err error) {
	h.Progress("a restart", 0, 1)
	for _, x := range []struct {
		name string
		kill func()
		open func(context.Context) error
	}{
		{"first step of a new node", h.node.kill, h.openNode},
		{"first step after everything was killed", h.kill, h.open},
	} {
		x.kill()
		took, err := timed(func() error {
			if err := x.open(ctx); err != nil {
				return err
			}
			return client.Signal(ctx, h.client, "sleeper-0", poke, 1) // whoever gets the answer knows that the step is recorded
		})
		if err != nil {
			return nil, err
		}
		limits = append(limits, Limit{Name: x.name, N: h.Sleepers, Value: took.Seconds(), Unit: "s", Required: 2})
	}
	return limits, nil
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
