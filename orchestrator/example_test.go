package orchestrator_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/millrace-dev/millrace/orchestrator"
)

// options are for a node that keeps its data for the length of the example.
func options() (o orchestrator.Options, remove func()) {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	return orchestrator.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}, func() { _ = os.RemoveAll(dir) }
}

// NATS and a node in this process. It listens on no port unless [orchestrator.Options.Listen] says so.
func ExampleStart() {
	o, remove := options()
	defer remove()
	ctx := context.Background()

	srv, err := orchestrator.Start(ctx, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	workers, err := srv.Client().Workers(ctx, "")
	fmt.Println("workers:", len(workers), err)
	fmt.Println("stopped:", srv.Stop(ctx))
	// Output:
	// workers: 0 <nil>
	// stopped: <nil>
}

// A second node on the same NATS: the two share the shards, and either takes over from the other.
func ExampleAttach() {
	o, remove := options()
	defer remove()
	ctx := context.Background()

	first, err := orchestrator.Start(ctx, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := orchestrator.Attach(ctx, first.Conn(), orchestrator.Options{Node: "second", Logger: o.Logger})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("stopped:", second.Stop(ctx), first.Stop(ctx))
	// Output: stopped: <nil> <nil>
}
