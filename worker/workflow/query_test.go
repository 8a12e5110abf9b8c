package workflow_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// A handler of a query that lets other code of the workflow go on fails its query, and that code has not gone on: the next step is the one
// that a replay takes.
func TestQueryThatWakes(t *testing.T) {
	t.Parallel()
	touch := workflow.NewQuery[string, string]("touch")
	code := func(ctx workflow.Context, _ string) (string, error) {
		var group workflow.WaitGroup
		group.Add(1)
		places := workflow.NewSemaphore(1)
		promised, settle := workflow.NewFuture[string](ctx)
		together := workflow.NewGroup(ctx)
		child, cancel := workflow.WithCancel(ctx)
		touches := map[string]func(){
			"settle":  func() { settle("by a query", nil) },
			"cancel":  cancel,
			"done":    func() { group.Done() },
			"acquire": func() { _ = places.Acquire(ctx, 1) },
			"group":   func() { together.Go(func(workflow.Context) error { return nil }) },
		}
		workflow.HandleQuery(ctx, touch, func(what string) (string, error) {
			touches[what]()
			return "touched", nil
		})
		workflow.Go(ctx, func(ctx workflow.Context) { _ = group.Wait(ctx) })
		workflow.Go(child, func(ctx workflow.Context) { _ = workflow.Await(ctx, func() bool { return false }) })
		if _, err := workflow.Receive(ctx, workflow.NewSignal[string]("go")); err != nil {
			return "", err
		}
		if promised.Ready() {
			return "touched", nil
		}
		return "untouched", errors.Join(child.Err(), together.Wait(), places.Acquire(ctx, 1))
	}
	w := replaytest.New(workflow.Program(code, nil))
	defer w.Close()
	w.Start("")
	w.Step()
	for what, want := range map[string]string{
		"settle": "must not settle a future", "cancel": "must not cancel anything", "done": "must not let other code go on",
		"acquire": "must not take places", "group": "must not start a coroutine",
	} {
		if a := w.Query("touch", what); a.Failure == nil || !strings.Contains(a.Failure.Message, want) {
			t.Errorf("%s: answered %+v", what, a)
		}
	}
	w.Signal("go", "")
	if done := only[protocol.CompleteWorkflowExecution](t, w.Step()); done.Result.String() != `"untouched"` {
		t.Errorf("the run ends with %s", done.Result)
	}
	if a := w.Replay(); a.Failure != nil {
		t.Error(a.Failure)
	}
}
