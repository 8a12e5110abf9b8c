package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

// serve runs everything in this process: NATS, a node and a worker.
func serve() (c *client.Client, stop func()) {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	srv, err := orchestrator.Start(context.Background(), orchestrator.Options{Dir: dir, Sync: "1m", Logger: quiet})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	w := worker.New(srv.Conn(), "orders", worker.Workflow(Order), worker.Workflow(Double), worker.Workflow(Tally),
		worker.Workflow(Parcel), worker.Workflow(Stubborn), worker.Activity(Carry), worker.Activity(Ask), worker.Activity(Flaky), worker.Logger(quiet),
		worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	<-ready
	if c, err = client.New(srv.Conn(), client.DefaultQueue("orders")); err != nil {
		panic(err)
	}
	return c, func() {
		cancel()
		err := errors.Join(<-ended, srv.Stop(context.Background()), os.RemoveAll(dir))
		if err != nil {
			panic(err)
		}
	}
}

func Example() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Signal(ctx, c, "order-42", approve, true); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: sent lamp <nil>
}

// An ID is taken while its run is open. The error says by which run.
func ExampleStart_alreadyStarted() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	first, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Start(ctx, c, Order, "lamp", client.ID("order-42"))
	var taken *protocol.Error
	if errors.Is(err, protocol.ErrAlreadyStarted) && errors.As(err, &taken) {
		fmt.Println(taken.Message, taken.Run == first.RunID())
	}
	// Output: workflow "order-42" is running already true
}

// A program that does not import the workflow's package starts it by name.
func ExampleStartNamed() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.StartNamed[string](ctx, c, "client_test.Double", "ha")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: haha <nil>
}

// A run that is canceled ends with an error that says so.
func ExampleClient_Cancel() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Cancel(ctx, "order-42", client.Reason("out of lamps")); err != nil {
		fmt.Println(err)
		return
	}
	_, err = run.Wait(ctx)
	fmt.Println(errors.Is(err, protocol.ErrCanceled))
	// Output: true
}

// History is an iterator: it reads page by page, as far as you go.
func ExampleClient_History() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Double, "ha", client.ID("laugh"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := run.Wait(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range c.History(ctx, "laugh") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.ID, e.Type())
	}
	// Output:
	// 1 WorkflowExecutionStarted
	// 2 WorkflowTaskScheduled
	// 3 WorkflowTaskStarted
	// 4 WorkflowTaskCompleted
	// 5 WorkflowExecutionCompleted
}

// A cart is fed without knowing whether it is there yet.
func ExampleSignalWithStart() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.SignalWithStart(ctx, c, Order, "lamp", approve, true, client.ID("order-42"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: sent lamp <nil>
}

// One start takes the place of another.
func ExampleOnConflict() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	first, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42"))
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := client.Start(ctx, c, Order, "chair", client.ID("order-42"), client.OnConflict(protocol.ConflictTerminate))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = first.Wait(ctx)
	fmt.Println(err)
	if err := client.Signal(ctx, c, "order-42", approve, true); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(second.Wait(ctx))
	// Output:
	// the workflow was terminated: another run was started in its place
	// sent chair <nil>
}

// An ID that must not be used again after it was once.
func ExampleReuse() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	for range 2 {
		run, err := client.Start(ctx, c, Double, "ha", client.ID("once"), client.Reuse(protocol.ReuseReject))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(run.Wait(ctx))
	}
	// Output:
	// haha <nil>
	// workflow "once" has ended (Completed), and its reuse policy is RejectDuplicate
}

// A paused run waits. A run that was reset takes its first step anew.
func ExampleClient_Reset() {
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
	step := int64(0)
	for e, err := range c.History(ctx, "order-42") {
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); ok && step == 0 {
			step = e.ID
		}
	}
	if _, err := c.Reset(ctx, "order-42", step); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx)) // the signal came with it, and the pause did not
	// Output: sent lamp <nil>
}

// A query is answered by the workflow's code, and leaves no trace.
func ExampleQuery() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Order, "lamp")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Query(ctx, c, run.ID(), state, ""))
	if err := client.Signal(ctx, c, run.ID(), approve, true); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Query(ctx, c, run.ID(), state, ""))
	// Output:
	// waits for approval <nil>
	// sent <nil>
}

// What there is: workers, versions of their code, and runs.
func ExampleClient_List() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	workers, err := c.Workers(ctx, "orders")
	fmt.Println("workers:", len(workers), err)
	versions, err := c.Versions(ctx, "orders")
	fmt.Println("versions:", len(versions.Versions), err)

	if _, err := client.Start(ctx, c, Order, "lamp", client.ID("order-42")); err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Terminate(ctx, "order-42", client.Reason("a mistake")); err != nil {
		fmt.Println(err)
		return
	}
	for found := false; !found; { // rows of runs come a moment after their runs
		for row, err := range c.List(ctx, protocol.ListRequest{Status: protocol.StatusTerminated, Queue: "orders"}) {
			fmt.Println(row.ID, row.Status, err)
			found = true
		}
	}
	// Output:
	// workers: 1 <nil>
	// versions: 1 <nil>
	// order-42 Terminated <nil>
}
