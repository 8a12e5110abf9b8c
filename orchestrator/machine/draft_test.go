package machine

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// A step that is not appended leaves no trace, however far it came: after a conflict, or when a worker's answer comes to nothing, the
// same inputs mean the same again.
func TestADroppedTurnLeavesNoTrace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.start("start", 0)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			for range rapid.IntRange(0, 4).Draw(t, "inputs") {
				arriveAny(t, w)
			}
			w.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			before, at, inbox := snapshot(w.w.Run), w.w.Wakeup(), slices.Clone(w.waiting)
			first := w.draft(t)
			if after := snapshot(w.w.Run); !reflect.DeepEqual(after, before) || !w.w.Wakeup().Equal(at) {
				t.Fatalf("the draft changed the run to\n%v, wakes up at %s\nit was\n%v, wakes up at %s", after, w.w.Wakeup(), before, at)
			}
			w.waiting, w.held = inbox, nil
			w.nonces--
			second := w.draft(t)
			if text(first.Record) != text(second.Record) || text(first.Verdicts) != text(second.Verdicts) {
				t.Fatalf("the same inputs mean first\n%s\nand then\n%s", text(first), text(second))
			}
			must(t, w.commit(w.finish(t)))
		}
	})
}

// draft takes a step up to its record, with a worker that only listens.
func (w *world) draft(t *rapid.T) Ready {
	t.Helper()
	if !w.begin() {
		return w.turn.Decide(w.now)
	}
	return w.turn.Answer(&protocol.WorkflowTaskAnswer{Worker: "w", Commands: []protocol.Command{
		{Attributes: charge("a")}, {Attributes: timer("t", time.Second)},
	}}, w.now)
}

// finish takes the drafted step again, with any answer.
func (w *world) finish(t *rapid.T) Ready {
	t.Helper()
	w.waiting, w.held = slices.Concat(w.held, w.waiting), nil
	if !w.begin() {
		return w.turn.Decide(w.now)
	}
	return answerAny(t, w)
}

// The draft of a new run knows nothing of the one before it.
func TestANewRunBeginsAtTheFirstAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.start("request-1", 0)
	w.begin()
	committed(t, w, w.turn.TimedOut("ada", w.now))
	w.pass(time.Second)
	w.begin()
	committed(t, w, w.turn.TimedOut("ada", w.now))
	w.arrive(protocol.TerminateInput{}, "")
	decide(t, w)
	w.start("request-2", 0)
	if w.begin(); w.task.Attempt != 1 || w.task.Run != "run-2" || w.task.Base != "" || w.task.After != 0 {
		t.Errorf("got attempt %d of %s, base %q, want attempt 1 of run-2 from its first event", w.task.Attempt, w.task.Run, w.task.Base)
	}
}
