package replay_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// everything is a workflow that uses most of what there is, in its first step.
func everything(ctx workflow.Context, _ any) (any, error) {
	workflow.HandleUpdate(ctx, workflow.NewUpdate[any, any]("approve"), func(_ workflow.Context, in any) (any, error) { return in, nil })
	workflow.HandleQuery(ctx, workflow.NewQuery[any, any]("state"), func(in any) (any, error) { return in, nil })
	if _, err := workflow.SideEffect(ctx, func() (int, error) { return 1, nil }); err != nil {
		return nil, err
	}
	workflow.Version(ctx, "change", 1, 2)
	charge := workflow.NewActivity[any, any]("shop.Charge").Start(ctx, 42)
	child := workflow.NewWorkflow[any, any]("shop.Mail").Start(ctx, nil, workflow.ChildID("mail-42"))
	timer := workflow.NewTimer(ctx, time.Hour)
	word, err := workflow.Receive(ctx, workflow.NewSignal[any]("paid"))
	if err != nil {
		return nil, err
	}
	if _, err := charge.Get(ctx); err != nil {
		return nil, err
	}
	if _, err := child.Get(ctx); err != nil {
		return nil, err
	}
	_, err = timer.Get(ctx)
	return word, err
}

// FuzzHistory replays whatever somebody says that a run's history is. It ends in an answer or in a failure with a cause, the coroutines
// are unwound, and the answer can be written.
func FuzzHistory(f *testing.F) {
	files, err := filepath.Glob("../../protocol/testdata/event_*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	const begin = `{"type":"WorkflowExecutionStarted","attributes":{"workflow_id":"w","workflow_type":"t","queue":"q","run_id":"r"}},` +
		`{"type":"WorkflowTaskScheduled","attributes":{"queue":"q","attempt":1}},` +
		`{"type":"WorkflowTaskStarted","attributes":{"scheduled_event_id":2}}`
	const done = `,{"type":"WorkflowTaskCompleted","attributes":{"scheduled_event_id":2,"started_event_id":3}}`
	const next = `,{"type":"WorkflowTaskScheduled","attributes":{}},{"type":"WorkflowTaskStarted","attributes":{}}`
	f.Add("["+begin+"]", `[{"update_id":"u","update":"approve"},{"update_id":"u","update":"dance"}]`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("["+begin+done+","+string(data)+next+"]", "[]")
		f.Add("["+string(data)+","+begin+"]", "[]")
		f.Add("["+begin+","+string(data)+"]", "[]")
	}
	f.Fuzz(func(t *testing.T, history, asked string) {
		var events []protocol.Event
		if protocol.Unmarshal([]byte(history), &events) != nil || len(events) > 1000 {
			return
		}
		var updates []protocol.UpdateCall
		if json.Unmarshal([]byte(asked), &updates) != nil {
			return
		}
		for i := range events {
			if events[i].ID = int64(i + 1); events[i].Attributes == nil {
				return
			}
		}
		run := replay.New(workflow.Program(everything, slog.New(slog.DiscardHandler)))
		defer run.Close()
		answer := run.Step(events, updates...)
		if answer.Failure != nil && (answer.Cause == "" || answer.Failure.Message == "") {
			t.Fatalf("it failed with cause %q and %+v", answer.Cause, answer.Failure)
		}
		if len(answer.Commands) > 100 {
			t.Fatalf("%d commands", len(answer.Commands))
		}
		if _, err := protocol.Marshal(protocol.WorkflowTaskAnswer{Commands: answer.Commands, Failure: answer.Failure}); err != nil {
			t.Fatalf("the answer cannot be written: %v", err)
		}
	})
}
