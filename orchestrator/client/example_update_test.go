package client_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// add and finish are declared beside the workflow that handles them.
var (
	add    = workflow.NewUpdate[int, int]("add")
	finish = workflow.NewSignal[bool]("finish")
)

var errOdd = errors.New("only even numbers")

// Tally adds up even numbers until it is told to finish.
func Tally(ctx workflow.Context, sum int) (int, error) {
	workflow.HandleUpdate(ctx, add, func(_ workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	}, workflow.Validate(func(_ workflow.Context, n int) error {
		if n%2 != 0 {
			return errOdd
		}
		return nil
	}))
	_, err := workflow.Receive(ctx, finish)
	return sum, err
}

// An update is a call: it changes something in a running workflow and returns what the handler returns.
func ExampleUpdate() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	if _, err := client.Start(ctx, c, Tally, 40, client.ID("tally")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Update(ctx, c, "tally", add, 2))
	_, err := client.Update(ctx, c, "tally", add, 3)
	fmt.Println(err, errors.Is(err, protocol.ErrRejected))
	// Output:
	// 42 <nil>
	// update add was rejected: only even numbers true
}

// An update has an ID, and is done once however often it is asked for. Its answer can be asked for again, also after the run's end.
func ExampleUpdateID() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Tally, 40, client.ID("tally"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		fmt.Println(client.Update(ctx, c, "tally", add, 2, client.UpdateID("request-7")))
	}
	if err := client.Signal(ctx, c, "tally", finish, true); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	fmt.Println(client.GetUpdate[int](c, "tally", "", "request-7").Wait(ctx))
	// Output:
	// 42 <nil>
	// 42 <nil>
	// 42 <nil>
	// 42 <nil>
}

// An update can start the workflow that it is for.
func ExampleUpdateWithStart() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	for _, n := range []int{2, 4} {
		_, update, err := client.UpdateWithStart(ctx, c, Tally, 40, add, n, client.ID("tally"))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(update.Wait(ctx))
	}
	// Output:
	// 42 <nil>
	// 46 <nil>
}
