package engine

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Parrot ends at once.
func Parrot(_ workflow.Context, s string) (string, error) { return s, nil }

// absent checks that nothing tells of a run.
func absent(t *testing.T, e *rig.Engine, id, run string) {
	t.Helper()
	c, in := e.Client(), client.InRun(run)
	_, describe := c.Describe(t.Context(), id, in)
	_, query := client.QueryNamed[string](t.Context(), c, id, protocol.QueryStack, nil, in)
	_, result := client.Get[string](c, id, run).Wait(t.Context())
	var history error
	for _, history = range c.History(t.Context(), id, in) {
		break
	}
	for what, err := range map[string]error{"describe": describe, "query": query, "result": result, "history": history} {
		if !errors.Is(err, protocol.ErrNotFound) {
			t.Errorf("%s of %s %s: %v", what, id, run, err)
		}
	}
	for row, err := range c.List(t.Context(), protocol.ListRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		if row.ID == id && (run == "" || row.Run == run) {
			t.Errorf("the list has run %s", row.Run)
		}
	}
}

// A workflow that runs is not deleted; one that has ended leaves nothing, and its ID is free.
func TestDelete(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Parrot), worker.Workflow(Nap))
	id := client.ID("it")
	if err := e.Client().Delete(t.Context(), "it"); !errors.Is(err, protocol.ErrNotFound) {
		t.Fatalf("before there is one: %v", err)
	}
	asleep := rig.Run(t, e, Nap, struct{}{}, id)
	if err := e.Client().Delete(t.Context(), "it"); !errors.Is(err, protocol.ErrConflict) {
		t.Fatalf("while it runs: %v", err)
	}
	if err := e.Client().Terminate(t.Context(), "it"); err != nil {
		t.Fatal(err)
	}
	if err := e.Client().Delete(t.Context(), "it"); err != nil {
		t.Fatal(err)
	}
	absent(t, e, "it", "")
	absent(t, e, "it", asleep.RunID())
	again := rig.Run(t, e, Parrot, "again", id, client.Reuse(protocol.ReuseReject))
	if got := rig.Result(t, again); got != "again" {
		t.Errorf("the next run of the ID returns %q", got)
	}
}

// A run is deleted with those before it, and those after it stay whole.
func TestDeleteOneRun(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Parrot))
	var runs []string
	for i := range 4 {
		run := rig.Run(t, e, Parrot, strconv.Itoa(i), client.ID("it"))
		rig.Result(t, run)
		runs = append(runs, run.RunID())
	}
	if err := e.Client().Delete(t.Context(), "it", client.InRun(runs[1])); err != nil {
		t.Fatal(err)
	}
	for i, run := range runs {
		if i <= 1 {
			absent(t, e, "it", run)
			continue
		}
		if got, err := client.Get[string](e.Client(), "it", run).Wait(t.Context()); err != nil || got != strconv.Itoa(i) {
			t.Errorf("run %d returns %q, %v", i, got, err)
		}
		d, err := e.Client().Describe(t.Context(), "it", client.InRun(run))
		if err != nil || d.Status != protocol.StatusCompleted {
			t.Errorf("run %d is %s, %v", i, d.Status, err)
		}
	}
	if _, err := e.Client().Reset(t.Context(), "it", 4, client.InRun(runs[0])); err == nil {
		t.Error("a run that was deleted was reset")
	}
	if _, err := e.Client().Reset(t.Context(), "it", 4, client.InRun(runs[2])); err != nil {
		t.Errorf("a run that was before the latest is not reset: %v", err)
	}
}

// tallies counts how often it was asked for what.
type tallies struct {
	mu  sync.Mutex
	ran map[string]int
}

// Tallied counts.
func (c *tallies) Tallied(_ context.Context, s string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran[s]++
	return s, nil
}

// Starts of an ID and deletions of it at the same time: each start that was accepted ran exactly once, and its run is there or was deleted.
func TestDeleteRacesWithStarts(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	c := &tallies{ran: map[string]int{}}
	call := func(ctx workflow.Context, s string) (string, error) { return workflow.Do(ctx, c.Tallied, s) }
	e.Work(t, worker.Workflow(call, worker.Named("call")), worker.Activity(c.Tallied))
	over := make(chan struct{})
	deleted := make(chan int, 1)
	go func() {
		n := 0
		defer func() { deleted <- n }()
		for {
			err := e.Client().Delete(t.Context(), "it")
			expected := errors.Is(err, protocol.ErrNotFound) || errors.Is(err, protocol.ErrConflict) || errors.Is(err, protocol.ErrUnavailable)
			if err == nil {
				n++
			} else if !expected {
				t.Error(err)
			}
			select {
			case <-over:
				return
			default:
			}
		}
	}()
	const starts = 60
	for i := range starts {
		key := strconv.Itoa(i)
		run, err := client.StartNamed[string](t.Context(), e.Client(), "call", key, client.ID("it"), client.Queue(rig.Queue))
		if err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
		if got, err := run.Wait(t.Context()); err != nil && !errors.Is(err, protocol.ErrNotFound) || err == nil && got != key {
			t.Errorf("run %d: %q, %v", i, got, err)
		}
	}
	close(over)
	n := <-deleted
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range starts {
		if got := c.ran[strconv.Itoa(i)]; got != 1 {
			t.Errorf("run %d ran %d times", i, got)
		}
	}
	if n == 0 {
		t.Error("nothing was deleted meanwhile")
	}
	t.Logf("%d of %d runs were deleted", n, starts)
}
