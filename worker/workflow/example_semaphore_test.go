package workflow_test

import (
	"fmt"

	"github.com/millrace-dev/millrace/worker/workflow"
)

// Two coroutines at most are at work at a time, first come, first served.
func ExampleSemaphore() {
	play(func(ctx workflow.Context, _ string) (int, error) {
		s, busy, most := workflow.NewSemaphore(2), 0, 0
		g := workflow.NewGroup(ctx)
		for range 5 {
			g.Go(func(ctx workflow.Context) error {
				if err := s.Acquire(ctx, 1); err != nil {
					return err
				}
				defer s.Release(1)
				busy++
				defer func() { busy-- }()
				most = max(most, busy)
				return workflow.Sleep(ctx, 1)
			})
		}
		return most, g.Wait()
	}, "", nil)
	// Output: result: 2
}

var customer = workflow.NewKey[string]("customer")

func ExampleWithValue() {
	play(func(ctx workflow.Context, name string) (string, error) {
		ctx = workflow.WithValue(ctx, customer, name)
		got, ok := customer.Value(ctx)
		return fmt.Sprintf("%s %t", got, ok), nil
	}, "Ada", nil)
	// Output: result: "Ada true"
}
