package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const queue = "bench"

// Hello is the smallest workflow that does something: one activity.
func Hello(ctx workflow.Context, name string) (string, error) { return workflow.Do(ctx, Greet, name) }

// Local is Hello with a local activity.
func Local(ctx workflow.Context, name string) (string, error) {
	return workflow.DoLocal(ctx, Greet, name)
}

// Greet is their activity, and does nothing.
func Greet(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// Chain runs so many activities one after the other.
func Chain(ctx workflow.Context, n int) (int, error) {
	for i := range n {
		if _, err := workflow.Do(ctx, Same, i); err != nil {
			return i, err
		}
	}
	return n, nil
}

// Fan runs so many activities at once.
func Fan(ctx workflow.Context, n int) (int, error) {
	all := make([]workflow.Future[int], n)
	for i := range n {
		all[i] = workflow.Start(ctx, Same, i)
	}
	for i, a := range all {
		if got, err := a.Get(ctx); err != nil || got != i {
			return i, fmt.Errorf("activity %d answered %d: %w", i, got, err)
		}
	}
	return n, nil
}

// Same returns what it is given.
func Same(_ context.Context, i int) (int, error) { return i, nil }

// Messages of Listen.
var (
	poke  = workflow.NewSignal[int]("poke")
	count = workflow.NewQuery[struct{}, int]("count")
	raise = workflow.NewUpdate[int, int]("raise")
)

// Listen counts what it is told until it is told a negative number.
func Listen(ctx workflow.Context, _ struct{}) (int, error) {
	n := 0
	workflow.HandleQuery(ctx, count, func(struct{}) (int, error) { return n, nil })
	workflow.HandleUpdate(ctx, raise, func(_ workflow.Context, by int) (int, error) { n += by; return n, nil })
	for {
		by, err := workflow.Receive(ctx, poke)
		if err != nil || by < 0 {
			return n, err
		}
		n += by
	}
}

// Nap sleeps until a moment, and says when it woke up.
func Nap(ctx workflow.Context, until time.Time) (time.Time, error) {
	if err := workflow.Sleep(ctx, until.Sub(workflow.Now(ctx))); err != nil {
		return time.Time{}, err
	}
	return time.Now(), nil // the real clock: what comes next is the run's end, and nothing depends on it
}

// registered is what the workers run.
func registered() []worker.Option {
	return []worker.Option{
		worker.Workflow(Hello), worker.Workflow(Local), worker.Workflow(Chain), worker.Workflow(Fan), worker.Workflow(Listen),
		worker.Workflow(Nap), worker.Activity(Greet), worker.Activity(Same),
		worker.Workflow(EchoValue), worker.Workflow(EchoFile), worker.Activity(SameBytes), worker.Activity(CopyFile),
	}
}
