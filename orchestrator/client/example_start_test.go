package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var errSoldOut = errors.New("sold out")

// Stubborn succeeds at its second attempt, and tells what came with its start.
func Stubborn(ctx workflow.Context, item string) (string, error) {
	if workflow.GetInfo(ctx).Attempt == 1 {
		return "", errSoldOut
	}
	return fmt.Sprintf("%s for %s after %v", item, workflow.Header(ctx, "tenant"), workflow.GetInfo(ctx).LastFailure), nil
}

// A workflow that fails is tried again only if its start says so. Its timeouts are for one run, and for all of them.
func ExampleRetry() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Stubborn, "lamp", client.ID("order-42"),
		client.Delay(10*time.Millisecond),
		client.Retry(protocol.RetryPolicy{InitialInterval: protocol.Duration(time.Millisecond), MaximumAttempts: 3}),
		client.RunTimeout(time.Minute),
		client.ExecutionTimeout(time.Hour),
		client.Headers(map[string]string{"tenant": "north"}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: lamp for north after sold out <nil>
}

// Whoever does not know whether a start arrived sends it again, with the same request ID.
func ExampleRequestID() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	var runs []string
	for range 2 {
		run, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"), client.RequestID("click-7"))
		if err != nil {
			fmt.Println(err)
			return
		}
		runs = append(runs, run.RunID())
	}
	fmt.Println("one run:", runs[0] == runs[1])
	// Output: one run: true
}

var region = protocol.NewSearchKey[string]("region")

// What a start says of a run is shown by describe and by lists.
func ExampleMemo() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	_, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"),
		client.Memo(map[string]any{"customer": "Ada"}), client.SearchAttributes(region.Is("north")))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := c.Describe(ctx, "order-42")
	where, _ := region.In(d.SearchAttributes)
	fmt.Println(d.Memo["customer"], where, err)
	// Output: "Ada" north <nil>
}

// A paused run takes no step. What happens meanwhile waits.
func ExampleClient_Pause() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Pause(ctx, "order-42", client.Reason("the shop moves")); err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Signal(ctx, c, "order-42", approve, true); err != nil {
		fmt.Println(err)
		return
	}
	d, err := c.Describe(ctx, "order-42")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Status, "but paused:", d.Paused.Reason)
	if err := c.Unpause(ctx, "order-42"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// Running but paused: the shop moves
	// sent lamp <nil>
}
