package workflow_test

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/worker/workflow"
)

// Only code that waits while it holds something needs a lock.
func ExampleMutex() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		var till workflow.Mutex
		log := ""
		g := workflow.NewGroup(ctx)
		for _, customer := range []string{"Ada", "Ben"} {
			g.Go(func(ctx workflow.Context) error {
				if err := till.Lock(ctx); err != nil {
					return err
				}
				defer till.Unlock()
				log += "(" + customer
				err := workflow.Sleep(ctx, time.Second)
				log += ")"
				return err
			})
		}
		return log, g.Wait()
	}, "", nil)
	// Output: result: "(Ada)(Ben)"
}

func ExampleWaitGroup() {
	play(func(ctx workflow.Context, _ string) (int, error) {
		var wg workflow.WaitGroup
		sum := 0
		for n := range 4 {
			wg.Add(1)
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer wg.Done()
				if workflow.Sleep(ctx, time.Duration(n)*time.Minute) == nil {
					sum += n
				}
			})
		}
		err := wg.Wait(ctx)
		return sum, err
	}, "", nil)
	// Output: result: 6
}

// A map has no order, and workflow code must do the same thing every time.
func ExampleSorted() {
	play(func(_ workflow.Context, prices map[string]int) (items []string, err error) {
		for item, price := range workflow.Sorted(prices) {
			items = append(items, fmt.Sprint(item, " for ", price))
		}
		return items, nil
	}, map[string]int{"tea": 3, "bread": 2, "salt": 1}, nil)
	// Output: result: ["bread for 2","salt for 1","tea for 3"]
}

// A timer is a future, and can be waited for together with others.
func ExampleNewTimer() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		late := false
		err := workflow.Select(ctx,
			workflow.OnReady(workflow.NewTimer(ctx, 24*time.Hour), func(time.Time, error) { late = true }),
			workflow.OnReady(workflow.NewTimer(ctx, 48*time.Hour), func(time.Time, error) {}),
		)
		return fmt.Sprint("late: ", late), err
	}, "", nil)
	// Output: result: "late: true"
}

// A future can be settled by the code itself.
func ExampleNewFuture() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		decision, decide := workflow.NewFuture[string](ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			decide("yes", workflow.Sleep(ctx, time.Hour))
		})
		return decision.Get(ctx)
	}, "", nil)
	// Output: result: "yes"
}
