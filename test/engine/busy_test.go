package engine

import (
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// hog has a workflow whose code holds on to its worker's slot.
type hog struct{ entered, leave chan struct{} }

func (h *hog) Long(workflow.Context, string) (string, error) {
	close(h.entered)
	<-h.leave
	return "long", nil
}

func (*hog) Short(_ workflow.Context, name string) (string, error) { return name, nil }

// A worker whose slots are all taken says for one step again and again that it is there, and then refuses it. Each time it is called anew,
// and its word must not pass for a repetition of the one before: the step would wait for ever.
func TestBusyWorkerIsCalledAgain(t *testing.T) {
	t.Parallel()
	e, h := rig.Start(t), &hog{make(chan struct{}), make(chan struct{})}
	e.Work(t, worker.Workflow(h.Long), worker.Workflow(h.Short), worker.WorkflowSlots(1))
	long := make(chan error, 1)
	go func() { // it is answered when the first step has been taken
		_, err := client.Start(t.Context(), e.Client(), h.Long, "", client.Queue(rig.Queue))
		long <- err
	}()
	<-h.entered
	short := rig.Run(t, e, h.Short, "Ada")
	rig.Until(t, "the second call", func() bool {
		return e.Consumer(t, protocol.TaskWorkflow, rig.Queue).Delivered.Consumer >= 2
	})
	close(h.leave)
	if got := rig.Result(t, short); got != "Ada" {
		t.Errorf("got %q", got)
	}
	if err := <-long; err != nil {
		t.Error(err)
	}
}
