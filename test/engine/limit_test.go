package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Fan runs n activities side by side and adds up what they return.
func Fan(ctx workflow.Context, n int) (int, error) {
	futures := make([]workflow.Future[int], n)
	for i := range n {
		futures[i] = workflow.Start(ctx, One, i)
	}
	sum := 0
	for _, f := range futures {
		one, err := f.Get(ctx)
		if err != nil {
			return sum, err
		}
		sum += one
	}
	return sum, nil
}

func One(context.Context, int) (int, error) { return 1, nil }

// Ten thousand activities in one step: more than one message carries.
func TestFanOut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	e := small(t)
	e.Work(t, worker.Workflow(Fan), worker.Activity(One), worker.Slots(1000))
	const n = 10_000
	begin := time.Now()
	run := rig.Run(t, e, Fan, n)
	if got := rig.Result(t, run); got != n {
		t.Errorf("%d activities returned, want %d", got, n)
	}
	events := e.History(t, run.ID())
	t.Logf("%d activities took %v and %d events", n, time.Since(begin), len(events))
}

// Ten thousand signals from ten clients at once: each client's arrive in its order, and none is lost.
func TestSignalBurst(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	const clients, each = 10, 1000
	run := rig.Run(t, e, Collect, clients*each)
	begin := time.Now()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				if err := client.Signal(t.Context(), e.Client(), run.ID(), word, fmt.Sprintf("%d/%04d", c, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	last := map[string]string{}
	words := rig.Result(t, run)
	for _, w := range words {
		if c := w[:1]; w <= last[c] {
			t.Fatalf("client %s: %s came after %s", c, w, last[c])
		} else {
			last[c] = w
		}
	}
	if len(words) != clients*each {
		t.Errorf("%d signals were received, want %d", len(words), clients*each)
	}
	t.Logf("%d signals took %v", len(words), time.Since(begin))
}

// Rounds writes ten thousand things down and runs an activity, n times, and then waits for a word.
func Rounds(ctx workflow.Context, n int) (string, error) {
	for round := range n {
		for i := range 10_000 {
			if _, err := workflow.SideEffect(ctx, func() (int, error) { return i, nil }); err != nil {
				return "", err
			}
		}
		if _, err := workflow.Do(ctx, Last, round); err != nil {
			return "", err
		}
	}
	return workflow.Receive(ctx, word)
}

// lastRound is the number of the last round that came to its activity.
var lastRound atomic.Int64

func Last(_ context.Context, round int) (int, error) {
	lastRound.Store(int64(round))
	return round, nil
}

// A history of two hundred thousand events goes on, on a worker that has never seen it.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	e := rig.Start(t)
	stop := e.Work(t, worker.Workflow(Rounds), worker.Activity(Last))
	const n = 20
	begin := time.Now()
	run := rig.Run(t, e, Rounds, n)
	rig.Until(t, "the last round", func() bool { return lastRound.Load() == n-1 })
	rig.Until(t, "its end", func() bool {
		d, err := e.Client().Describe(t.Context(), run.ID())
		return err == nil && d.Task == nil && len(d.Activities) == 0
	})

	t.Logf("%d rounds took %v", n, time.Since(begin))
	stop()

	begin = time.Now()
	events := 0
	for _, err := range e.Client().History(t.Context(), run.ID()) {
		if err != nil {
			t.Fatal(err)
		}
		events++
	}
	t.Logf("reading %d events took %v", events, time.Since(begin))
	if events < 200_000 {
		t.Errorf("the history has %d events, want 200,000", events)
	}

	e.Work(t, worker.Workflow(Rounds), worker.Activity(Last))
	begin = time.Now()
	signals(t, e, run.ID(), "end")
	if got := rig.Result(t, run); got != "end" {
		t.Errorf("got %q", got)
	}
	t.Logf("the next step on a fresh worker took %v", time.Since(begin))
	for _, e := range rig.Find[protocol.WorkflowTaskFailed](e.History(t, run.ID())) {
		t.Errorf("a step failed: %v", e.Failure)
	}
}
