package workflow_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin starts f with in and takes the first step.
func begin[I, O any](t *testing.T, f func(workflow.Context, I) (O, error), in I) (*replaytest.World, replay.Answer) {
	t.Helper()
	w := replaytest.New(workflow.Program(f, slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		w.Close()
		if a := w.Replay(); a.Failure != nil {
			t.Errorf("the history does not replay: %v", a.Failure)
		}
	})
	w.Start(in)
	return w, step(t, w)
}

// step takes a step that must not fail.
func step(t *testing.T, w *replaytest.World) replay.Answer {
	t.Helper()
	a := w.Step()
	if a.Failure != nil {
		t.Fatalf("%v\n%s", a.Failure, a.Failure.Stack)
	}
	return a
}

// only returns the attributes of an answer's one command.
func only[C protocol.CommandAttributes](t *testing.T, a replay.Answer) C {
	t.Helper()
	if len(a.Commands) != 1 {
		t.Fatalf("%d commands: %v", len(a.Commands), a.Commands)
	}
	c, ok := a.Commands[0].Attributes.(C)
	if !ok {
		t.Fatalf("the command is %T %+v", a.Commands[0].Attributes, a.Commands[0].Attributes)
	}
	return c
}

// result decodes what the run completed with.
func result[T any](t *testing.T, a replay.Answer) T {
	t.Helper()
	var v T
	if err := only[protocol.CompleteWorkflowExecution](t, a).Result.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// failure returns what the run failed with.
func failure(t *testing.T, a replay.Answer) *protocol.Failure {
	t.Helper()
	return only[protocol.FailWorkflowExecution](t, a).Failure
}

func types(a replay.Answer) (names []protocol.CommandType) {
	for _, c := range a.Commands {
		names = append(names, c.Type())
	}
	return names
}
