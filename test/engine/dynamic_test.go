package engine

import (
	"context"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// anyFlow has an activity of its own type do what it is asked.
func anyFlow(ctx workflow.Context, in protocol.Payload) (string, error) {
	return workflow.NewActivity[protocol.Payload, string](workflow.GetInfo(ctx).Type+"/do").Do(ctx, in)
}

// anyTask says what it was asked.
func anyTask(ctx context.Context, in protocol.Payload) (string, error) {
	return activity.Info(ctx).Type + in.String(), nil
}

// A worker can take types that it does not know by name. Those that it knows it runs by name.
func TestDynamicTypes(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello), worker.DynamicWorkflow(anyFlow), worker.DynamicActivity(anyTask))
	for _, typ := range []string{"approve", "refuse"} {
		run, err := client.StartNamed[string](t.Context(), e.Client(), typ, []int{1, 2}, client.Queue(rig.Queue))
		check(t, err)
		if got, want := rig.Result(t, run), typ+"/do[1,2]"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := rig.Result(t, rig.Run(t, e, Greet, "Ada")); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
}
