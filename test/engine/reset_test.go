package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// till counts what was sold, and sells at a price that turns out to be wrong.
type till struct {
	price atomic.Int64
	sold  atomic.Int64
}

func (s *till) Count(_ context.Context, _ string) (int64, error) { return s.sold.Add(1), nil }

func (s *till) Price(_ context.Context, _ string) (int64, error) { return s.price.Load(), nil }

// Receipt is what [till.Sell] returns: numbers drawn before and after the price was asked for, and what the words were.
type Receipt struct {
	Price         int64
	Before, After uint64
	Words         []string
}

// Sell draws a number, counts, asks for the price, draws another number, and receives two words.
func (s *till) Sell(ctx workflow.Context, item string) (Receipt, error) {
	r := Receipt{Before: workflow.Rand(ctx).Uint64()}
	if _, err := workflow.Do(ctx, s.Count, item); err != nil {
		return r, err
	}
	var err error
	if r.Price, err = workflow.Do(ctx, s.Price, item); err != nil {
		return r, err
	}
	r.After = workflow.Rand(ctx).Uint64()
	for range 2 {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return r, err
		}
		r.Words = append(r.Words, w)
	}
	return r, nil
}

func (s *till) options() []worker.Option {
	return []worker.Option{worker.Workflow(s.Sell), worker.Activity(s.Count), worker.Activity(s.Price)}
}

// A run is reset to the step before a wrong price: what came before is kept and not done again, the price is asked for anew, the
// signals follow in order, and whoever waited for the old run gets the result of the new one. Chance before the step is the same,
// after it another.
func TestReset(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := &till{}
	s.price.Store(1)
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Sell, "lamp", client.ID("sale"))
	settled(t, e, "sale") // a signal before that makes a step of its own, and the steps after it another number
	signals(t, e, "sale", "one", "two")
	wrong := rig.Result(t, run)

	s.price.Store(2)
	steps := completedSteps(e.History(t, "sale"))
	id, err := e.Client().Reset(t.Context(), "sale", steps[1], client.Reason("wrong price"), client.WithRequestID("request-1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Client().Reset(t.Context(), "sale", steps[1], client.WithRequestID("request-1"))
	if err != nil || again != id {
		t.Errorf("the same request gave run %s, %v, want %s", again, err, id)
	}
	right := rig.Result(t, client.Get[Receipt](e.Client(), "sale", id))
	if right.Price != 2 || !slices.Equal(right.Words, []string{"one", "two"}) || s.sold.Load() != 1 {
		t.Errorf("after the reset: %+v, counted %d times", right, s.sold.Load())
	}
	if right.Before != wrong.Before || right.After == wrong.After {
		t.Errorf("drew %d, %d before the reset and %d, %d after it", wrong.Before, wrong.After, right.Before, right.After)
	}
	old, err := e.Client().Describe(t.Context(), "sale", client.InRun(run.RunID()))
	if err != nil || old.Status != protocol.StatusCompleted {
		t.Errorf("the run that was reset is %s, %v", old.Status, err)
	}
}

// An open run ends when it is reset, and its waiter follows. A reset run can be reset again.
func TestResetOfAnOpenRun(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := &till{}
	s.price.Store(1)
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Sell, "lamp", client.ID("sale"))
	for price := int64(2); price <= 3; price++ {
		settled(t, e, "sale")
		signals(t, e, "sale", "dropped")
		s.price.Store(price)
		steps := completedSteps(e.History(t, "sale"))
		if _, err := e.Client().Reset(t.Context(), "sale", steps[1], client.DropSignals()); err != nil {
			t.Fatal(err)
		}
	}
	signals(t, e, "sale", "two", "three")
	if got := rig.Result(t, run); got.Price != 3 || !slices.Equal(got.Words, []string{"two", "three"}) {
		t.Errorf("after two resets: %+v", got)
	}
	if _, err := e.Client().Reset(t.Context(), "sale", 1); protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("a reset to what is no step: %v", err)
	}
	if _, err := e.Client().Reset(t.Context(), "nothing", 1); err == nil {
		t.Error("a reset of a workflow that there is not is accepted")
	}
}

// A copy that does not fit into one record is made of several.
func TestResetOfALongRun(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	const n = 300
	run := rig.Run(t, e, Collect, n, client.ID("long"))
	long := fmt.Sprintf("%04000d", 7)
	for range n {
		signals(t, e, "long", long)
	}
	rig.Result(t, run)
	steps := completedSteps(e.History(t, "long"))
	if _, err := e.Client().Reset(t.Context(), "long", steps[len(steps)-1]); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, client.Get[[]string](e.Client(), "long", "")); len(got) != n {
		t.Errorf("the run that was reset received %d words, want %d", len(got), n)
	}
}

func completedSteps(events []protocol.Event) []int64 {
	var ids []int64
	for _, e := range events {
		if _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); ok {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// A paused run takes no step until it is unpaused; then it sees everything that happened.
func TestPause(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	run := rig.Run(t, e, Collect, 2, client.ID("one"))
	if err := e.Client().Pause(t.Context(), "one", client.Reason("maintenance")); err != nil {
		t.Fatal(err)
	}
	signals(t, e, "one", "a", "b")
	d, err := e.Client().Describe(t.Context(), "one")
	if err != nil || d.Paused == nil || d.Paused.Reason != "maintenance" || d.Status != protocol.StatusRunning {
		t.Errorf("the paused run is %+v, %v", d, err)
	}
	if n := len(completedSteps(e.History(t, "one"))); n != 1 {
		t.Errorf("the paused run took %d steps, want 1", n)
	}
	if err := e.Client().Unpause(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if err := e.Client().Pause(t.Context(), "one"); !errors.Is(err, protocol.ErrClosed) {
		t.Errorf("pausing a run that has ended: %v", err)
	}
}

func signals(t *testing.T, e *rig.Engine, id string, words ...string) {
	t.Helper()
	for _, w := range words {
		if err := client.Signal(t.Context(), e.Client(), id, word, w); err != nil {
			t.Fatal(err)
		}
	}
}

// settled waits until the run has its price and waits for words: what comes now comes after the steps that are reset to.
func settled(t *testing.T, e *rig.Engine, id string) {
	t.Helper()
	rig.Until(t, "the price of "+id, func() bool {
		return len(rig.Find[protocol.ActivityTaskCompleted](e.History(t, id))) == 2 && len(completedSteps(e.History(t, id))) >= 3
	})
}
