package orchestrator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/propagation"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// stamp is the trace that an activity is called with. Only its second attempt has one.
func stamp(ctx context.Context, _ string) (string, error) {
	if activity.Info(ctx).Attempt == 1 {
		return "", errors.New("not yet")
	}
	return activity.Info(ctx).Headers[propagation.TraceParent], nil
}

// stamped is the trace that a workflow is started with, or a signal of it.
func stamped(ctx workflow.Context, signal bool) (string, error) {
	if !signal {
		return "for " + workflow.Header(ctx, propagation.TraceParent), nil
	}
	ctx, _, err := workflow.ReceiveWith(ctx, two)
	return workflow.Header(ctx, propagation.TraceParent), err
}

// courier passes on what it was started with, and what two signals of two runs came with.
func courier(ctx workflow.Context, said string) (string, error) {
	started, err := workflow.NewActivity[string, string]("stamp").Do(ctx, "", later(time.Millisecond))
	if err != nil {
		return "", err
	}
	with, _, err := workflow.ReceiveWith(ctx, one)
	if err != nil {
		return "", err
	}
	signaled, err := workflow.NewActivity[string, string]("stamp").Do(with, "", later(time.Millisecond))
	if err != nil {
		return "", err
	}
	if said += started + " " + signaled; said == "start first" {
		return "", workflow.ContinueAsNewNamed(ctx, "courier", said+", ")
	}
	child, err := workflow.NewWorkflow[bool, string]("stamped").Do(with, false, workflow.ChildID("child"))
	if err != nil {
		return "", err
	}
	return said + " " + child, workflow.SignalExternal(with, "stranger", two, "")
}

// The node dies after a record from which something follows that has headers: the next one passes them on, whether the worker is handed
// its activities or takes them off the queue.
func TestDeathWithHeaders(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		slots := 10
		if via == viaInbox {
			slots = 1 // none is left for what is handed over
		}
		for name, dies := range map[string]func(*protocol.Record) bool{
			"with those of a start":                tells("wf", "ActivityTaskScheduled"),
			"with those of a signal":               tells("wf", "WorkflowExecutionSignaled"),
			"with those of the next run":           tells("wf", "WorkflowExecutionContinuedAsNew"),
			"with those of a child":                tells("wf", "StartChildWorkflowExecutionInitiated"),
			"with those of a signal of a workflow": tells("wf", "SignalExternalWorkflowExecutionInitiated"),
			"with those that came to a workflow":   tells("stranger", "WorkflowExecutionSignaled"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRelay(t, via, dies, worker.Activity(stamp, worker.Named("stamp")), worker.Slots(slots),
					worker.Workflow(courier, worker.Named("courier")), worker.Workflow(stamped, worker.Named("stamped")))
				trace := func(id string) context.Context {
					return propagation.WithHeaders(t.Context(), map[string]string{propagation.TraceParent: id})
				}
				stranger, err := client.StartNamed[string](t.Context(), r.client, "stamped", true, client.ID("stranger"))
				must(t, err)
				run, err := client.StartNamed[string](trace("start"), r.client, "courier", "", client.ID("wf"))
				must(t, err)
				must(t, client.Signal(trace("first"), r.client, "wf", one, ""))
				must(t, client.Signal(trace("second"), r.client, "wf", one, ""))
				r.ends(run, "start first, start second for second")
				r.ends(stranger, "second")
			})
		}
	})
}
