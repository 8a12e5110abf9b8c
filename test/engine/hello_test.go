package engine

import (
	"context"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func Greet(ctx workflow.Context, name string) (string, error) { return workflow.Do(ctx, Hello, name) }

func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// The smallest workflow takes two steps, and its history is what Temporal would write.
func TestHello(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.work(t, worker.Workflow(Greet), worker.Activity(Hello))
	run := startRun(t, e, Greet, "Ada")
	got, err := run.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
	want := []protocol.EventType{
		"WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted",
		"ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted",
		"WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted", "WorkflowExecutionCompleted",
	}
	events := e.history(t, run.ID())
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d", len(events), len(want))
	}
	for i, ev := range events {
		if ev.Type() != want[i] {
			t.Errorf("event %d is %s, want %s", ev.ID, ev.Type(), want[i])
		}
	}
}
