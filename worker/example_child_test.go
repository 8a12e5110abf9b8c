package worker_test

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Double is a child of Doubles.
func Double(_ workflow.Context, n int) (int, error) { return 2 * n, nil }

// Doubles has a child for each number. They run side by side, on whatever shards they come to lie.
func Doubles(ctx workflow.Context, numbers []int) (sum int, err error) {
	var children []workflow.Child[int]
	for _, n := range numbers {
		children = append(children, workflow.StartChild(ctx, Double, n))
	}
	for _, c := range children {
		n, err := c.Get(ctx)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// A workflow and its children.
func ExampleWorkflow_children() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.stop()

	w := worker.New(srv.Conn(), "numbers", worker.Workflow(Doubles), worker.Workflow(Double))
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(working) }()

	run, err := client.Start(ctx, srv.Client(), Doubles, []int{1, 2, 3}, client.Queue("numbers"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	stop()
	fmt.Println(<-ended)
	// Output:
	// 12 <nil>
	// <nil>
}
