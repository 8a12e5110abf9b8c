package orchestrator

import (
	"errors"
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// family is a parent with a child, and a stranger.
type family struct{}

func (family) Child(_ workflow.Context, in string) (string, error) { return in + " child", nil }

func (f family) Parent(ctx workflow.Context, _ struct{}) (string, error) {
	return workflow.DoChild(ctx, f.Child, "a", workflow.ChildID("child"))
}

// Taken starts a child under an ID that is taken.
func (f family) Taken(ctx workflow.Context, _ struct{}) (string, error) {
	_, err := workflow.DoChild(ctx, f.Child, "a", workflow.ChildID("wf"))
	if !errors.Is(err, protocol.ErrAlreadyStarted) {
		return "", err
	}
	return "taken", nil
}

// Stranger waits for a signal.
func (family) Stranger(ctx workflow.Context, _ struct{}) (string, error) {
	return workflow.Receive(ctx, one)
}

// Caller signals the stranger.
func (family) Caller(ctx workflow.Context, _ struct{}) (string, error) {
	return "called", workflow.SignalExternal(ctx, "stranger", one, "hello")
}

func (f family) options() []worker.Option {
	return []worker.Option{
		worker.Workflow(f.Child), worker.Workflow(f.Parent), worker.Workflow(f.Taken), worker.Workflow(f.Stranger),
		worker.Workflow(f.Caller),
	}
}

// tells says that the node dies after the first record of a workflow that has an event of the type.
func tells(workflowID string, typ protocol.EventType) func(*protocol.Record) bool {
	return func(r *protocol.Record) bool {
		return r.Workflow == workflowID && slices.ContainsFunc(r.Events, func(e protocol.Event) bool { return e.Type() == typ })
	}
}

// The node dies between a record and what another workflow must be told because of it. Somebody waits for each of these for ever if it
// is lost.
func TestDeathAroundAChild(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		for name, dies := range map[string]func(*protocol.Record) bool{
			"before the child is started":            tells("wf", "StartChildWorkflowExecutionInitiated"),
			"before the parent hears of the start":   tells("child", "WorkflowExecutionStarted"),
			"before the parent hears of the end":     tells("child", "WorkflowExecutionCompleted"),
			"when the parent has heard of the end":   tells("wf", "ChildWorkflowExecutionCompleted"),
			"when the parent has heard of the start": tells("wf", "ChildWorkflowExecutionStarted"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRelay(t, via, dies, family{}.options()...)
				r.result(family{}.Parent, "a child")
				var begun, ended int
				view, err := readRun(t.Context(), r.store, 0, "wf", "")
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range view.events {
					switch e.Attributes.(type) {
					case protocol.ChildWorkflowExecutionStarted:
						begun++
					case protocol.ChildWorkflowExecutionCompleted:
						ended++
					}
				}
				if begun != 1 || ended != 1 {
					t.Errorf("the parent heard %d times of a start and %d times of an end", begun, ended)
				}
			})
		}
	})
}

// A refused start leaves no event behind: nothing in history says that the parent must hear of it.
func TestDeathAroundARefusedChild(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		r := newRelay(t, via, tells("wf", "StartChildWorkflowExecutionInitiated"), family{}.options()...)
		r.result(family{}.Taken, "taken")
	})
}

func TestDeathAroundASignal(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		for name, dies := range map[string]func(*protocol.Record) bool{
			"before the signal is sent":       tells("wf", "SignalExternalWorkflowExecutionInitiated"),
			"before the sender hears of it":   tells("stranger", "WorkflowExecutionSignaled"),
			"when the sender has heard of it": tells("wf", "ExternalWorkflowExecutionSignaled"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRelay(t, via, dies, family{}.options()...)
				stranger, err := client.Start(t.Context(), r.client, family{}.Stranger, struct{}{}, client.ID("stranger"))
				if err != nil {
					t.Fatal(err)
				}
				r.result(family{}.Caller, "called")
				r.ends(stranger, "hello")
			})
		}
	})
}
