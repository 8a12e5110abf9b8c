package workflow_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/worker/workflow"
)

// A coroutine that waits for a lock and is cancelled leaves the line, and the ones behind it keep their order.
func TestMutexIsFairAndCancellable(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ string) ([]int, error) {
		var m workflow.Mutex
		var wg workflow.WaitGroup
		var order []int
		if !m.TryLock() || m.TryLock() {
			return nil, errors.New("a mutex is locked by one")
		}
		impatient, cancel := workflow.WithCancel(ctx)
		for i := range 4 {
			wg.Add(1)
			mine := ctx
			if i == 1 {
				mine = impatient
			}
			workflow.Go(mine, func(ctx workflow.Context) {
				defer wg.Done()
				if err := m.Lock(ctx); err != nil {
					order = append(order, -i)
					return
				}
				defer m.Unlock()
				order = append(order, i)
			})
		}
		workflow.Go(ctx, func(workflow.Context) { cancel(); m.Unlock() })
		err := wg.Wait(ctx)
		return order, err
	}, "")
	got := result[[]int](t, a)
	got = slices.DeleteFunc(got, func(i int) bool { return i == -1 }) // it may leave at any time
	if !slices.Equal(got, []int{0, 2, 3}) {
		t.Errorf("the lock went to %v, want 0, 2, 3", got)
	}
}

func TestAwaitTimeout(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ string) ([]bool, error) {
		done := false
		first, err := workflow.AwaitTimeout(ctx, 1, func() bool { return done })
		if err != nil {
			return nil, err
		}
		workflow.Go(ctx, func(workflow.Context) { done = true })
		second, err := workflow.AwaitTimeout(ctx, 1, func() bool { return done })
		return []bool{first, second}, err
	}, "")
	w.Crash()
	w.Fire("1")
	if got := result[[]bool](t, step(t, w)); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("got %v, want false, true", got)
	}
}

func TestSorted(t *testing.T) {
	t.Parallel()
	var keys []string
	for k := range workflow.Sorted(map[string]int{"b": 2, "a": 1, "c": 3}) {
		keys = append(keys, k)
	}
	if !slices.IsSorted(keys) || len(keys) != 3 {
		t.Errorf("got %v", keys)
	}
}
