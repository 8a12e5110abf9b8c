package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Greet is a workflow: ordinary code that survives the death of its worker.
func Greet(ctx workflow.Context, name string) (string, error) {
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Hello, name)
}

// Hello is an activity: it may do anything, and is tried again if it fails.
func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// NATS, a node, a worker and a client in one process.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.stop()

	w := worker.New(srv.Conn(), "greetings", worker.Workflow(Greet), worker.Activity(Hello))
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(working) }()

	run, err := client.Start(ctx, srv.Client(), Greet, "Ada", client.Queue("greetings"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	stop()
	fmt.Println(<-ended)
	// Output:
	// Hello Ada <nil>
	// <nil>
}

// A worker that is asked to stop lets what runs come to its end, for as long as worker.Grace allows.
func ExampleWorker_Run() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.stop()

	began, finish := make(chan struct{}), make(chan struct{})
	bake := func(context.Context, string) (string, error) {
		close(began)
		<-finish
		fmt.Println("baked")
		return "bread", nil
	}
	order := func(ctx workflow.Context, what string) (string, error) {
		return workflow.NewActivity[string, string]("bake").Do(ctx, what)
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	w := worker.New(srv.Conn(), "bakery",
		worker.Workflow(order, worker.Named("order")),
		worker.Activity(bake, worker.Named("bake")),
		worker.Grace(30*time.Second),
	)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(working) }()
	if _, err := client.StartNamed[string](ctx, srv.Client(), "order", "rye", client.Queue("bakery")); err != nil {
		fmt.Println(err)
		return
	}
	<-began
	stop()
	close(finish)
	fmt.Println("stopped:", <-ended)
	// Output:
	// baked
	// stopped: <nil>
}

// Mistakes are reported by Run, all of them at once.
func ExampleNew_mistakes() {
	w := worker.New(nil, "greetings",
		worker.Activity(Hello),
		worker.Activity(func(_ context.Context, name string) (string, error) { return name, nil }),
		worker.Slots(-1),
	)
	fmt.Println(w.Run(context.Background()))
	// Output:
	// worker_test.ExampleNew_mistakes.func1 is a function literal: its name changes with the code around it
	// worker.Slots(-1) is negative
}

// server is a server in a directory of its own.
type server struct {
	*orchestrator.Server

	dir string
}

func start(ctx context.Context) (*server, error) {
	dir, err := os.MkdirTemp("", "millrace")
	if err != nil {
		return nil, err
	}
	srv, err := orchestrator.Start(ctx, orchestrator.Options{Dir: dir})
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &server{srv, dir}, nil
}

func (s *server) stop() {
	if err := s.Stop(context.Background()); err != nil {
		fmt.Println(err)
	}
	os.RemoveAll(s.dir)
}

// A change of the code is checked against a run that is open, as it will be against all of them before it is deployed.
func ExampleCheckHistory() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.stop()
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- worker.New(srv.Conn(), "greetings", worker.Workflow(Greet), worker.Activity(Hello)).Run(working)
	}()
	run, err := client.Start(ctx, srv.Client(), Greet, "Ada", client.Queue("greetings"), client.ID("greet-ada"))
	if err == nil {
		_, err = run.Wait(ctx)
	}
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		fmt.Println(err)
		return
	}

	history, err := srv.Client().Export(ctx, "greet-ada")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the same code:", worker.CheckHistory(history, worker.Workflow(Greet)))

	hasty := func(ctx workflow.Context, name string) (string, error) { return workflow.Do(ctx, Hello, name) }
	changed := worker.CheckHistory(history, worker.Workflow(hasty, worker.Named("worker_test.Greet")))
	if e, ok := errors.AsType[*worker.HistoryError](changed); ok {
		fmt.Println("without the sleep:", e.Cause)
	}
	// Output:
	// the same code: <nil>
	// without the sleep: NonDeterministicError
}

// One workflow runs whatever type is asked for, such as those of a language of the user's own.
func ExampleDynamicWorkflow() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.stop()
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	interpret := func(ctx workflow.Context, in protocol.Payload) (string, error) {
		return "ran " + workflow.GetInfo(ctx).Type + " with " + in.String(), nil
	}
	go func() { ended <- worker.New(srv.Conn(), "scripts", worker.DynamicWorkflow(interpret)).Run(working) }()

	run, err := client.StartNamed[string](ctx, srv.Client(), "approve-holiday", "Ada", client.Queue("scripts"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	stop()
	if err := <-ended; err != nil {
		fmt.Println(err)
	}
	// Output:
	// ran approve-holiday with "Ada" <nil>
}
