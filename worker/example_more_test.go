package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Film downloads a film and cuts it where it lies: both on the same worker.
func Film(ctx workflow.Context, url string) (string, error) {
	session, err := workflow.CreateSession(ctx)
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(session)
	where, err := workflow.Do(session, Where, url)
	if err != nil {
		return "", err
	}
	again, err := workflow.Do(session, Where, url)
	return fmt.Sprint("on one worker: ", where == again), err
}

// Where tells on which queue the activity ran: that of the worker that has the session.
func Where(ctx context.Context, _ string) (string, error) { return activity.Info(ctx).Queue, nil }

// Price looks something up in no time: a local activity runs in the workflow's own worker, and costs no task.
func Price(ctx workflow.Context, item string) (int, error) {
	return workflow.DoLocal(ctx, LookUp, item)
}

// LookUp is quick.
func LookUp(_ context.Context, item string) (int, error) { return len(item), nil }

// Activities of a session run on one worker, and can share what is on its disk.
func ExampleSessions() {
	result := run(Film, "film.mp4", worker.Workflow(Film), worker.Activity(Where), worker.Sessions(1))
	fmt.Println(result)
	// Output: on one worker: true
}

// A local activity is an activity like any other to the worker.
func ExampleActivity_local() {
	result := run(Price, "lamp", worker.Workflow(Price), worker.Activity(LookUp))
	fmt.Println(result)
	// Output: 4
}

// A pinned run stays with the version of the code that began it. Another build runs beside it until no such run is left.
func ExampleVersion() {
	result := run(Price, "lamp", worker.Version("build-7"), worker.Workflow(Price, worker.Pinned()), worker.Activity(LookUp))
	fmt.Println(result)
	// Output: 4
}

// run runs a workflow once on a worker of its own, NATS and all.
func run[I, O any](wf func(workflow.Context, I) (O, error), in I, opts ...worker.Option) (out O) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv, err := start(ctx)
	if err != nil {
		fmt.Println(err)
		return out
	}
	defer srv.stop()
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- worker.New(srv.Conn(), "q", append(opts, worker.Logger(slog.New(slog.DiscardHandler)))...).Run(working)
	}()
	r, err := client.Start(ctx, srv.Client(), wf, in, client.Queue("q"))
	if err == nil {
		out, err = r.Wait(ctx)
	}
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		fmt.Println(err)
	}
	return out
}
