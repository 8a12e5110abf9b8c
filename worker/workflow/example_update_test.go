package workflow_test

import (
	"errors"

	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var book = workflow.NewUpdate[string, int]("book")

var errTaken = errors.New("the seat is taken")

// A handler may do what workflow code does; the validator only looks, and may refuse.
func ExampleHandleUpdate() {
	play(func(ctx workflow.Context, seats int) (int, error) {
		booked := map[string]bool{}
		workflow.HandleUpdate(ctx, book, func(ctx workflow.Context, seat string) (int, error) {
			booked[seat] = true // at once, so that the next update sees it
			_, err := workflow.Do(ctx, Charge, seat)
			return len(booked), err
		}, workflow.Validate(func(_ workflow.Context, seat string) error {
			if booked[seat] {
				return errTaken
			}
			return nil
		}))
		err := workflow.Await(ctx, func() bool { return len(booked) == seats && workflow.AllHandlersFinished(ctx) })
		return len(booked), err
	}, 2, func(step int, w *replaytest.World) {
		if step == 0 {
			w.Update("u1", "book", "1A")
			w.Update("u2", "book", "1A") // refused
			w.Update("u3", "book", "1B")
		}
	})
	// Output:
	// activity workflow_test.Charge(1A)
	// activity workflow_test.Charge(1B)
	// result: 2
}
