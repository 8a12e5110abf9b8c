package workflow_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func newWorld[I, O any](t *testing.T, f func(workflow.Context, I) (O, error)) *replaytest.World {
	t.Helper()
	w := replaytest.New(workflow.Program(f, slog.New(slog.DiscardHandler)))
	t.Cleanup(w.Close)
	return w
}

// twice sleeps before and after it asks for a version, or does not ask when newest is below oldest.
func twice(oldest, newest int) func(workflow.Context, string) ([]int, error) {
	return func(ctx workflow.Context, _ string) ([]int, error) {
		var seen []int
		for range 2 {
			if oldest <= newest {
				seen = append(seen, workflow.Version(ctx, "change", oldest, newest))
			}
			if err := workflow.Sleep(ctx, 1); err != nil {
				return nil, err
			}
		}
		return seen, nil
	}
}

func change(w *replaytest.World, f func(workflow.Context, string) ([]int, error)) {
	w.Crash()
	w.Program = workflow.Program(f, slog.New(slog.DiscardHandler))
}

var without = twice(1, 0)

// A run keeps the version that it came to first: through a newer one, without the call, and with it again.
func TestVersionStaysForTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twice(workflow.DefaultVersion, 1))
	w.Start("")
	step(t, w)
	change(w, without)
	w.Signal("look", 0)
	step(t, w)
	change(w, twice(workflow.DefaultVersion, 2))
	w.Fire("1")
	step(t, w)
	w.Fire("2")
	if got := result[[]int](t, step(t, w)); got[0] != 1 || got[1] != 1 {
		t.Errorf("got versions %v, want 1", got)
	}
}

// A run that went past the place without the call is at the default version from then on, also where it comes to the call anew.
func TestVersionOfAnOldRunIsTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, without)
	w.Start("")
	step(t, w)
	change(w, twice(workflow.DefaultVersion, 1))
	w.Fire("1")
	step(t, w)
	w.Crash()
	w.Fire("2")
	if got := result[[]int](t, step(t, w)); got[0] != -1 || got[1] != -1 {
		t.Errorf("got versions %v, want -1", got)
	}
}

// Code that no longer has the run's version, or does not have it yet, fails the step and says what to do.
func TestVersionThatTheCodeDoesNotHave(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		oldest, newest int
		want           string
	}{
		{2, 3, "deploy code that supports it"},
		{workflow.DefaultVersion, 0, "supports -1 to 0"},
	} {
		w := newWorld(t, twice(1, 1))
		w.Start("")
		step(t, w)
		change(w, twice(test.oldest, test.newest))
		w.Fire("1")
		a := w.Step()
		if a.Cause != protocol.CauseWorkflowPanic || a.Failure == nil || !strings.Contains(a.Failure.Message, test.want) {
			t.Errorf("got %s %v, want %q", a.Cause, a.Failure, test.want)
		}
	}
}
