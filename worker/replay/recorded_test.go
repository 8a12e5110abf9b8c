package replay_test

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// TestTellingIsAsGoodAsShowing makes up programs and what happens to them. A run that is told that its steps were recorded gives the same
// commands and says the same lines as one that is shown the events of its commands.
func TestTellingIsAsGoodAsShowing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProgram(t)
		var spoken, heard bytes.Buffer
		w := replaytest.New(p.workflow(slog.New(&teller{w: &spoken})))
		defer w.Close()
		told := replay.New(p.workflow(slog.New(&teller{w: &heard})))
		defer told.Close()
		play(t, w, func() {
			spoken.Reset()
			heard.Reset()
			w.Call()
			before, now, updates := slices.Clone(w.History), w.Now, w.Offered()
			want, ends := stepToEnd(t, w)
			assertNoFailure(t, p, w, want)
			got := told.Step(append(before[told.LastEvent():], protocol.Event{
				ID: int64(len(before)) + 1, Time: now, Attributes: protocol.WorkflowTaskStarted{ScheduledID: int64(len(before))},
			}), updates...)
			for _, r := range ends {
				got = told.EndLocal(r)
			}
			assertNoFailure(t, p, w, got)
			if show, other := commands(got), commands(want); show != other {
				t.Fatalf("program:\n%s\nthe run that is told:\n%s\nthe one that is shown:\n%s", p, show, other)
			}
			if heard.String() != spoken.String() {
				t.Fatalf("program:\n%s\nthe run that is told says:\n%s\nthe one that is shown:\n%s", p, heard.String(), spoken.String())
			}
			tell(t, p, w, told, int64(len(before)))
		})
	})
}

// tell tells a run that the step which follows an event was recorded, after some lies.
func tell(t *rapid.T, p program, w *replaytest.World, told *replay.Run, before int64) {
	completed, last := before+2, int64(len(w.History))
	if last < completed { // every update was refused: the step left no record
		if told.Recorded(completed, completed) {
			t.Fatalf("program:\n%s\na step that left no record is taken for recorded", p)
		}
		return
	}
	for _, lie := range [][2]int64{{completed - 1, last - 1}, {completed + 1, last + 1}, {completed, last + 1}, {completed, last - 1}} {
		if told.Recorded(lie[0], lie[1]) {
			t.Fatalf("program:\n%s\nevents %d to %d are taken for the step of events %d to %d", p, lie[0], lie[1], completed, last)
		}
	}
	if told.Recorded(completed, last) == told.Closed() {
		t.Fatalf("program:\n%s\na run that is closed (%t) took the step of events %d to %d for the other", p, told.Closed(), completed, last)
	}
	if told.Closed() {
		return
	}
	if told.LastEvent() != last || told.Recorded(completed, last) {
		t.Fatalf("program:\n%s\nafter event %d the run is told of the same step twice", p, told.LastEvent())
	}
}

// A run is not where the step left it when it is broken, or given up, or waits for a local activity.
func TestRunThatCannotBeToldOfItsStep(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code  string
		after func(*replay.Run)
	}{
		"before its first step": {"do A 1", nil},
		"after a panic":         {"panic ouch", func(*replay.Run) {}},
		"given up":              {"do A 1", func(r *replay.Run) { r.Close() }},
		"at its end":            {"return 1", func(*replay.Run) {}},
		"in a local activity":   {"", func(*replay.Run) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := parseProgram(t, tt.code).workflow(slog.New(slog.DiscardHandler))
			if tt.code == "" {
				code = workflow.Program(func(ctx workflow.Context, _ any) (any, error) {
					return workflow.NewActivity[any, any]("A").DoLocal(ctx, 1)
				}, nil)
			}
			run := replay.New(code)
			defer run.Close()
			if tt.after != nil {
				run.Step([]protocol.Event{
					{ID: 1, Attributes: protocol.WorkflowExecutionStarted{WorkflowType: replaytest.Type, Queue: replaytest.Queue}},
					{ID: 2, Attributes: protocol.WorkflowTaskScheduled{Queue: replaytest.Queue}},
					{ID: 3, Attributes: protocol.WorkflowTaskStarted{ScheduledID: 2}},
				})
				tt.after(run)
			}
			for last := range int64(7) {
				if run.Recorded(4, last) || run.Recorded(1, last) {
					t.Errorf("the run takes events up to %d for its step", last)
				}
			}
		})
	}
}
