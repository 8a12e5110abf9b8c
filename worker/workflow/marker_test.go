package workflow_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// What a side effect returned, or its error, is what the code gets when it runs again; the function is not called then.
func TestSideEffectRunsOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	f := func(ctx workflow.Context, _ string) (string, error) {
		n, err := workflow.SideEffect(ctx, func() (int, error) { calls++; return calls, nil })
		if err != nil {
			return "", err
		}
		_, err = workflow.SideEffect(ctx, func() (int, error) { calls++; return 0, errors.New("no luck") })
		if err := workflow.Sleep(ctx, 1); err != nil {
			return "", err
		}
		m, _ := workflow.SideEffect(ctx, func() (int, error) { calls++; return calls, nil })
		return strings.Repeat("x", n) + strings.Repeat("y", m) + err.Error(), nil
	}
	w, a := begin(t, f, "")
	if got := types(a); !slices.Equal(got, []protocol.CommandType{"RecordMarker", "RecordMarker", "StartTimer"}) {
		t.Fatalf("commands %v", got)
	}
	w.Crash()
	w.Fire("1")
	a = step(t, w)
	var out string
	if err := a.Commands[1].Attributes.(protocol.CompleteWorkflowExecution).Result.Decode(&out); err != nil {
		t.Fatal(err)
	}
	if out != "xyyyno luck" || calls != 3 {
		t.Errorf("got %q after %d calls", out, calls)
	}
}

// A side effect that a recorded step does not have is reported as such, and its function is not called.
func TestSideEffectThatWasAddedIsAMismatch(t *testing.T) {
	t.Parallel()
	with, calls := false, 0
	f := func(ctx workflow.Context, _ string) (string, error) {
		if with {
			_, _ = workflow.SideEffect(ctx, func() (int, error) { calls++; return 0, nil })
		}
		return "", workflow.Sleep(ctx, 1)
	}
	w, _ := begin(t, f, "")
	with = true
	w.Crash()
	a := w.Replay()
	with = false
	if a.Cause != protocol.CauseNonDeterministic || !strings.Contains(a.Failure.Message, "marker SideEffect 1") || calls != 0 {
		t.Errorf("cause %s after %d calls: %v", a.Cause, calls, a.Failure)
	}
}

// Code that comes to a side effect which history does not have must not go on with a value that never was: what it would fail over is not
// what is wrong with it.
func TestSideEffectThatWasAddedStopsTheCode(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]func(workflow.Context) int{
		"SideEffect": func(ctx workflow.Context) int {
			n, _ := workflow.SideEffect(ctx, func() (int, error) { return 1, nil })
			return n
		},
		"MutableSideEffect": func(ctx workflow.Context) int {
			n, _ := workflow.MutableSideEffect(ctx, "rate", func() (int, error) { return 1, nil })
			return n
		},
	} {
		with := false
		w, _ := begin(t, func(ctx workflow.Context, _ string) (string, error) {
			if with {
				_ = 1 / look(ctx)
			}
			return "", workflow.Sleep(ctx, 1)
		}, "")
		with = true
		w.Crash()
		if a := w.Replay(); a.Cause != protocol.CauseNonDeterministic || !strings.Contains(a.Failure.Message, "marker "+name) {
			t.Errorf("%s: cause %s: %v", name, a.Cause, a.Failure)
		}
		with = false
	}
}

// A side effect must not touch the run: what it does would be missing in a replay.
func TestSideEffectOnlyReads(t *testing.T) {
	t.Parallel()
	bad := true
	f := func(ctx workflow.Context, _ string) (string, error) {
		return workflow.SideEffect(ctx, func() (string, error) {
			if bad {
				return "", workflow.Sleep(ctx, 1)
			}
			return "fine", nil
		})
	}
	w := newWorld(t, f)
	w.Start("")
	a := w.Step()
	if a.Failure == nil || !strings.Contains(a.Failure.Message, "a side effect must not") {
		t.Errorf("got %v", a.Failure)
	}
	bad = false
	step(t, w)
}

// A mutable side effect records its value when that changed, also between calls of one step.
func TestMutableSideEffectRecordsChanges(t *testing.T) {
	t.Parallel()
	values, calls := []int{7, 7, 8, 8, 9}, 0
	f := func(ctx workflow.Context, _ string) ([]int, error) {
		var seen []int
		for i := range values {
			v, err := workflow.MutableSideEffect(ctx, "rate", func() (int, error) { calls++; return values[i], nil })
			if err != nil {
				return nil, err
			}
			seen = append(seen, v)
			if i == 2 {
				if err := workflow.Sleep(ctx, 1); err != nil {
					return nil, err
				}
			}
		}
		return seen, nil
	}
	w, a := begin(t, f, "")
	if got := types(a); !slices.Equal(got, []protocol.CommandType{"RecordMarker", "RecordMarker", "StartTimer"}) {
		t.Fatalf("commands %v", got)
	}
	w.Crash()
	w.Fire("1")
	a = step(t, w)
	var out []int
	if err := a.Commands[1].Attributes.(protocol.CompleteWorkflowExecution).Result.Decode(&out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out, values) || calls != len(values) {
		t.Errorf("got %v after %d calls", out, calls)
	}
}

func TestUUID(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ string) ([]string, error) {
		return []string{workflow.UUID(ctx), workflow.UUID(ctx)}, nil
	}, "")
	ids := result[[]string](t, a)
	if ids[0] == ids[1] || len(ids[0]) != 36 || ids[0][14] != '4' || !strings.ContainsRune("89ab", rune(ids[0][19])) {
		t.Errorf("got %v", ids)
	}
}
