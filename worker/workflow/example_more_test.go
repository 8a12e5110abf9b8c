package workflow_test

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// A condition that must become true in time.
func ExampleAwaitTimeout() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		approved := false
		workflow.Go(ctx, func(ctx workflow.Context) {
			if _, err := workflow.Receive(ctx, workflow.NewSignal[string]("approve")); err == nil {
				approved = true
			}
		})
		met, err := workflow.AwaitTimeout(ctx, time.Hour, func() bool { return approved })
		return fmt.Sprint("approved in time: ", met), err
	}, "", nil)
	// Output:
	// result: "approved in time: false"
}

// A rate that the code looks at again and again is recorded when it changes.
func ExampleMutableSideEffect() {
	rates := []int{3, 3, 4} // what the outside says, one time after the other
	play(func(ctx workflow.Context, _ string) ([]int, error) {
		var seen []int
		for i := range rates {
			rate, err := workflow.MutableSideEffect(ctx, "rate", func() (int, error) { return rates[i], nil })
			if err != nil {
				return nil, err
			}
			seen = append(seen, rate)
		}
		return seen, nil
	}, "", nil)
	// Output:
	// result: [3,3,4]
}

// Chance is the same each time the code runs.
func ExampleRand() {
	play(func(ctx workflow.Context, _ string) (bool, error) {
		dice := workflow.Rand(ctx).IntN(6) + 1
		return dice >= 1 && dice <= 6, nil
	}, "", nil)
	// Output:
	// result: true
}

// What lists and describe show of a run, and what it can be found by.
func ExampleUpsertSearchAttributes() {
	stage := protocol.NewSearchKey[string]("stage")
	play(func(ctx workflow.Context, order string) (string, error) {
		workflow.UpsertSearchAttributes(ctx, stage.Is("packing"))
		return order, workflow.UpsertMemo(ctx, map[string]any{"customer": "Ada", "draft": nil})
	}, "order-42", nil)
	// Output:
	// result: "order-42"
}

// Activities on behalf of whoever sent a signal carry that one's headers, such as a trace.
func ExampleReceiveWith() {
	pay := workflow.NewSignal[string]("pay")
	play(func(ctx workflow.Context, _ string) (string, error) {
		ofSender, customer, err := workflow.ReceiveWith(ctx, pay)
		if err != nil {
			return "", err
		}
		if _, err := workflow.Do(ofSender, Charge, customer); err != nil {
			return "", err
		}
		return "on behalf of " + workflow.Header(ofSender, "tenant"), nil
	}, "", func(step int, w *replaytest.World) {
		if step == 1 {
			w.SignalWith("pay", "Ada", map[string]string{"tenant": "shop-7"})
		}
	})
	// Output:
	// activity workflow_test.Charge(Ada)
	// result: "on behalf of shop-7"
}

// A child is signaled by its handle, and another workflow by its ID. Each call returns when the other one's history has it.
func ExampleSignalChild() {
	stop := workflow.NewSignal[string]("stop")
	play(func(ctx workflow.Context, customer string) (string, error) {
		bill := workflow.StartChild(ctx, Bill, customer, workflow.ChildID("bill"))
		if err := workflow.SignalChild(ctx, bill, stop, "wrong address"); err != nil {
			return "", err
		}
		if err := workflow.CancelExternal(ctx, "reminder-"+customer, workflow.Because("the bill was wrong")); err != nil {
			return "", err
		}
		return bill.Get(ctx)
	}, "Ada", func(step int, w *replaytest.World) {
		switch step {
		case 1:
			w.StartedChild("bill")
		case 2, 3:
			for _, x := range w.Externals() {
				w.AnswerExternal(x.ID, nil)
			}
		case 4:
			w.CompleteChild("bill", "no bill for Ada")
		}
	})
	// Output:
	// result: "no bill for Ada"
}

// Metrics count what happens, and not what is repeated when the code runs again.
func ExampleIsReplaying() {
	play(func(ctx workflow.Context, name string) (string, error) {
		if !workflow.IsReplaying(ctx) {
			fmt.Println("metric: one more greeting")
		}
		return workflow.Do(ctx, Hello, name)
	}, "Ada", func(step int, w *replaytest.World) {
		if step == 1 {
			w.Crash() // the next step begins with a replay
		}
	})
	// Output:
	// metric: one more greeting
	// activity workflow_test.Hello(Ada)
	// result: "Hello Ada"
}
