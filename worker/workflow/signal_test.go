package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/worker/workflow"
)

var approve = workflow.NewSignal[bool]("approve")

func TestSignalsKeepTheirOrderAndTypes(t *testing.T) {
	t.Parallel()
	count := workflow.NewSignal[int]("count")
	w, _ := begin(t, func(ctx workflow.Context, _ any) (sum []int, err error) {
		if _, err := workflow.Receive(ctx, approve); err != nil {
			return nil, err
		}
		for {
			n, ok := workflow.TryReceive(ctx, count)
			if !ok {
				return sum, nil
			}
			sum = append(sum, n)
		}
	}, nil)
	for i := range 3 {
		w.Signal("count", i)
	}
	step(t, w)
	w.Signal("count", "not a number")
	w.Signal("count", 3)
	w.Signal("approve", true)
	if got := result[[]int](t, step(t, w)); len(got) != 4 || got[0] != 0 || got[3] != 3 {
		t.Errorf("received %v", got)
	}
}

func TestSignalThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (string, error) {
		_, first := workflow.Receive(ctx, approve)
		second := workflow.Select(ctx, workflow.OnReceive(approve, func(bool) { t.Error("a bad value arrived") }))
		third, err := workflow.Receive(ctx, approve)
		if err != nil || !third {
			t.Errorf("third: %v %v", third, err)
		}
		return first.Error() + "\n" + second.Error(), nil
	}, nil)
	w.Signal("approve", "yes")
	w.Signal("approve", 1)
	w.Signal("approve", true)
	got := result[string](t, step(t, w))
	if strings.Count(got, `the value of signal "approve" cannot be decoded`) != 2 {
		t.Error(got)
	}
}

// Every receiver gets one of as many signals, in the order in which they came, also when each comes in a step of its own.
func TestReceiversAreServedInTurn(t *testing.T) {
	t.Parallel()
	n := 5
	var order []int
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		g := workflow.NewGroup(ctx)
		for i := range n {
			g.Go(func(ctx workflow.Context) error {
				_, err := workflow.Receive(ctx, approve)
				order = append(order, i)
				return err
			})
		}
		return nil, g.Wait()
	}, nil)
	w.Signal("approve", true)
	step(t, w)
	w.Signal("approve", true)
	w.Signal("approve", true)
	step(t, w)
	w.Signal("approve", true)
	step(t, w)
	w.Signal("approve", true)
	step(t, w)
	if !w.Closed() {
		t.Fatal("somebody still waits")
	}
	for i, got := range order[:n] {
		if got != i {
			t.Errorf("order %v", order)
		}
	}
}

// A receiver that was called but leaves for another reason hands the signal to the next in line.
func TestCalledReceiverThatLeaves(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (bool, error) {
		workflow.Go(ctx, func(ctx workflow.Context) {
			timer := workflow.NewTimer(ctx, time.Minute)
			_ = workflow.Select(ctx,
				workflow.OnReady(timer, func(time.Time, error) {}),
				workflow.OnReceive(approve, func(bool) { t.Error("the timer was the first case") }),
			)
		})
		// Waits behind the Select above.
		child, _ := workflow.WithCancel(ctx)
		f, settle := workflow.NewFuture[bool](ctx)
		workflow.Go(child, func(ctx workflow.Context) { settle(workflow.Receive(ctx, approve)) })
		return f.Get(ctx)
	}, nil)
	w.Signal("approve", true)
	w.Fire("1")
	if !result[bool](t, step(t, w)) {
		t.Error("the signal is lost")
	}
}
