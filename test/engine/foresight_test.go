package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var call = workflow.NewSignal[int]("call")

// Pass passes the baton on.
func Pass(_ context.Context, n int) (int, error) { return n + 1, nil }

// tally is what came of a race: how many laps were run, and which calls were heard.
type tally struct {
	Laps  int   `json:"laps"`
	Calls []int `json:"calls"`
}

// race is how many laps there are, and how many calls.
type race struct {
	Laps  int `json:"laps"`
	Calls int `json:"calls"`
}

// Race runs its laps, whatever is called out meanwhile, and ends when it has heard the last call.
func Race(ctx workflow.Context, r race) (t tally, err error) {
	for range r.Laps {
		if t.Laps, err = workflow.Do(ctx, Pass, t.Laps); err != nil {
			return t, err
		}
		for n, ok := workflow.TryReceive(ctx, call); ok; n, ok = workflow.TryReceive(ctx, call) {
			t.Calls = append(t.Calls, n)
		}
	}
	for len(t.Calls) < r.Calls {
		n, err := workflow.Receive(ctx, call)
		if err != nil {
			return t, err
		}
		t.Calls = append(t.Calls, n)
	}
	return t, nil
}

// Signals come at any moment while workers foresee what follows from their activities, and a node is lost on the way: every signal is heard
// once, in order, and every lap is run once.
func TestSignalsBetweenForeseenSteps(t *testing.T) {
	t.Parallel()
	races, r := 300, race{Laps: 8, Calls: 6}
	if testing.Short() {
		races = 40
	}
	e := rig.Start(t, sharded)
	e.Work(t, worker.Workflow(Race), worker.Activity(Pass))
	_, doomed := join(t, e, "second")
	rig.Until(t, "two shards each", func() bool { return owners(t, e)["second"] == shards/2 })
	var all errgroup.Group
	all.SetLimit(8)
	for i := range races {
		if i == races/2 {
			doomed.Close()
		}
		all.Go(func() error { return runRace(t, e, raceID(i), r) })
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range races {
		completed := 0
		for _, ev := range e.History(t, raceID(i)) {
			if _, ok := ev.Attributes.(protocol.ActivityTaskCompleted); ok {
				completed++
			}
		}
		if completed != r.Laps {
			t.Errorf("%s: %d activities completed, want %d", raceID(i), completed, r.Laps)
		}
	}
	rig.Until(t, "all shards with the first", func() bool { return owners(t, e)["embedded"] == shards })
}

func raceID(i int) string { return fmt.Sprintf("race-%d", i) }

// runRace runs a race, and calls out now and then.
func runRace(t *testing.T, e *rig.Engine, id string, r race) error {
	run, err := client.Start(t.Context(), e.Client(), Race, r, client.ID(id), client.Queue(rig.Queue))
	if err != nil {
		return err
	}
	for n := range r.Calls {
		for range rand.IntN(200) {
			runtime.Gosched() // somewhere between two steps, or in one
		}
		if err := client.Signal(t.Context(), e.Client(), id, call, n); err != nil {
			return fmt.Errorf("%s: call %d: %w", id, n, err)
		}
	}
	got, err := run.Wait(t.Context())
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if got.Laps != r.Laps || fmt.Sprint(got.Calls) != "[0 1 2 3 4 5]" {
		return fmt.Errorf("%s: %d laps, calls %v", id, got.Laps, got.Calls)
	}
	return nil
}
