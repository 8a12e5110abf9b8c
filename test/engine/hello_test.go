package engine

import (
	"context"
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func Greet(ctx workflow.Context, name string) (string, error) { return workflow.Do(ctx, Hello, name) }

func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// hello is what history has of the smallest workflow: what Temporal would write.
var hello = []protocol.EventType{
	"WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted",
	"ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted",
	"WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted", "WorkflowExecutionCompleted",
}

func TestHello(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello))
	run := rig.Run(t, e, Greet, "Ada")
	if got := rig.Result(t, run); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
	if got := rig.Types(e.History(t, run.ID())); !slices.Equal(got, hello) {
		t.Errorf("history is\n%v, want\n%v", got, hello)
	}
}

// A worker that keeps nothing in memory replays every step.
func TestWithoutCache(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello), worker.CacheSize(0))
	if got := rig.Result(t, rig.Run(t, e, Greet, "Ada")); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
}

// A workflow that nobody can run yet waits for a worker, however it was asked for.
func TestLateWorker(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	run := rig.Run(t, e, Greet, "Ada")
	e.Await(t, run.ID(), "WorkflowTaskScheduled")
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello))
	if got := rig.Result(t, run); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
}

// A worker that runs activities only is there like any other, and takes no steps.
func TestWorkerOfActivitiesOnly(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Activity(Hello), worker.Identity("hands"))
	e.Work(t, worker.Workflow(Greet), worker.Identity("head"))
	for range 2 { // asking must not remove a worker that is there
		workers, err := e.Client().Workers(t.Context(), rig.Queue)
		if err != nil || len(workers) != 2 {
			t.Errorf("the workers are %+v, %v", workers, err)
		}
	}
	if got := rig.Result(t, rig.Run(t, e, Greet, "Ada")); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
}
