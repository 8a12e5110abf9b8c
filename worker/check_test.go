package worker

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// twiceAsked asks for an activity and waits; onceWaited waits first.
func twiceAsked(ctx workflow.Context, s string) (string, error) {
	s, err := shout.Do(ctx, s)
	if err != nil {
		return "", err
	}
	return wait(ctx, s)
}

func onceWaited(ctx workflow.Context, s string) (string, error) {
	if _, err := wait(ctx, s); err != nil {
		return "", err
	}
	return shout.Do(ctx, s)
}

func panics(workflow.Context, string) (string, error) { panic("a vase") }

// recorded is a history of twiceAsked that has come to its wait.
func recorded(t *testing.T) protocol.History {
	t.Helper()
	w := replaytest.New(workflow.Program(twiceAsked, nil))
	t.Cleanup(w.Close)
	w.Start("in")
	w.Step()
	w.Complete("1", "IN")
	w.Step()
	return protocol.History{Workflow: replaytest.Workflow, Run: replaytest.RunID, Type: "asks", Queue: testQueue, Events: w.History}
}

// The code that was recorded fits, and so does a history whose last step nobody has taken. Other code does not, and the error says why.
func TestCheckHistory(t *testing.T) {
	t.Parallel()
	open := recorded(t)
	last := open.Events[len(open.Events)-1].ID
	open.Events = append(open.Events,
		protocol.Event{ID: last + 1, Attributes: protocol.WorkflowTaskScheduled{Queue: testQueue}},
		protocol.Event{ID: last + 2, Attributes: protocol.WorkflowTaskStarted{ScheduledID: last + 1}})
	tests := map[string]struct {
		history protocol.History
		code    Option
		cause   protocol.TaskFailedCause
		says    string
	}{
		"the same code":        {recorded(t), Workflow(twiceAsked, Named("asks")), "", ""},
		"a step that is not":   {open, Workflow(twiceAsked, Named("asks")), "", ""},
		"another order":        {recorded(t), Workflow(onceWaited, Named("asks")), protocol.CauseNonDeterministic, "shout(\"in\""},
		"a panic":              {recorded(t), Workflow(panics, Named("asks")), protocol.CauseWorkflowPanic, "a vase"},
		"an unknown workflow":  {recorded(t), Workflow(panics, Named("other")), protocol.CauseUnknownType, `"asks"`},
		"registered by itself": {recorded(t), Activity(func(context.Context, int) (int, error) { return 0, nil }, Named("a")), protocol.CauseUnknownType, "none"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckHistory(tt.history, tt.code)
			if tt.cause == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			e, ok := errors.AsType[*HistoryError](err)
			if !ok || e.Cause != tt.cause || !strings.Contains(err.Error(), tt.says) || e.Workflow != replaytest.Workflow {
				t.Errorf("got %v, want %s about %s", err, tt.cause, tt.says)
			}
		})
	}
}

func TestCheckHistoryRefusesWrongOptions(t *testing.T) {
	t.Parallel()
	err := CheckHistory(recorded(t), Workflow(twiceAsked, Named("asks")), Workflow(panics, Named("asks")))
	if err == nil || !strings.Contains(err.Error(), "registered twice") {
		t.Errorf("got %v", err)
	}
}

func TestReadHistories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, v any) {
		data, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", recorded(t))
	write("b.json", "no history")
	write("c.txt", "not meant")
	var found []string
	for h, err := range ReadHistories(dir) {
		if err != nil {
			found = append(found, string(protocol.AsError(err).Code))
			continue
		}
		found = append(found, h.Type)
		if err := CheckHistory(h, Workflow(twiceAsked, Named("asks"))); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(found, ","); got != "asks,bad_request" {
		t.Errorf("read %s", got)
	}
	for _, err := range ReadHistories(filepath.Join(dir, "nowhere")) {
		if err == nil {
			t.Error("a directory that is not there can be read")
		}
	}
}
