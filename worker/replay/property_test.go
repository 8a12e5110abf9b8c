package replay_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
)

// TestEveryStepReplays makes up programs and what happens to them. At each step, the run that lives in memory and a new
// one that is fed the whole history must give the same commands and say the same lines; at the end the whole history must
// replay.
func TestEveryStepReplays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProgram(t)
		var spoken bytes.Buffer
		w := replaytest.New(p.workflow(slog.New(&teller{w: &spoken})))
		defer w.Close()
		play(t, w, func() {
			spoken.Reset()
			w.Call()
			before, now, updates := slices.Clone(w.History), w.Now, w.Offered()
			got, ends := stepToEnd(t, w)
			assertNoFailure(t, p, w, got)
			var again bytes.Buffer
			fresh := replay.New(p.workflow(slog.New(&teller{w: &again})))
			defer fresh.Close()
			want := fresh.Step(append(before, protocol.Event{
				ID: int64(len(before)) + 1, Time: now, Attributes: protocol.WorkflowTaskStarted{ScheduledID: int64(len(before))},
			}), updates...)
			for _, end := range ends {
				want = fresh.EndLocal(end)
			}
			assertNoFailure(t, p, w, want)
			if show, other := commands(got), commands(want); show != other {
				t.Fatalf("program:\n%s\nstep by step:\n%s\nreplayed at once:\n%s", p, show, other)
			}
			if spoken.String() != again.String() {
				t.Fatalf("program:\n%s\nstep by step it says:\n%s\nreplayed:\n%s", p, spoken.String(), again.String())
			}
		})
		assertNoFailure(t, p, w, w.Replay())
	})
}

// TestMutatedHistoryIsNoticed changes one command event of a history: replay must refuse it.
func TestMutatedHistoryIsNoticed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProgram(t)
		w := replaytest.New(p.workflow(slog.New(slog.DiscardHandler)))
		defer w.Close()
		play(t, w, func() { stepToEnd(t, w) })
		var at []int
		for i, e := range w.History {
			if mutate(e.Attributes) != nil {
				at = append(at, i)
			}
		}
		if len(at) == 0 {
			t.Skip("no commands")
		}
		i := rapid.SampledFrom(at).Draw(t, "event")
		w.History[i].Attributes = mutate(w.History[i].Attributes)
		if a := w.Replay(); a.Cause != protocol.CauseNonDeterministic {
			t.Fatalf("program:\n%s\nevent %d was changed unnoticed: %v", p, i+1, a)
		}
	})
}

// mutate returns attributes that the same code would not have caused; nil when a change may go unnoticed.
func mutate(attributes protocol.EventAttributes) protocol.EventAttributes {
	switch a := attributes.(type) {
	case protocol.ActivityTaskScheduled:
		switch len(a.ActivityID) + len(a.ActivityType) + len(a.Input.Data) {
		case 3:
			a.Queue += "x"
		case 4:
			a.ActivityType += "x"
		default:
			a.Input = protocol.Payload{Data: []byte(`"other"`)}
		}
		return a
	case protocol.StartChildWorkflowExecutionInitiated:
		a.WorkflowType += "x"
		return a
	case protocol.SignalExternalWorkflowExecutionInitiated:
		a.SignalName += "x"
		return a
	case protocol.RequestCancelExternalWorkflowExecutionInitiated:
		a.WorkflowID, a.ChildInitiatedID = a.WorkflowID+"x", 0
		return a
	case protocol.TimerStarted:
		a.StartToFire++
		return a
	case protocol.TimerCanceled:
		a.TimerID += "0"
		return a
	case protocol.ActivityTaskCancelRequested:
		return protocol.TimerCanceled{TimerID: "1"}
	case protocol.MarkerRecorded:
		a.ID += "0"
		return a
	case protocol.WorkflowExecutionCompleted:
		return protocol.WorkflowExecutionFailed{Failure: &protocol.Failure{Message: "other"}}
	}
	return nil
}

// stepToEnd takes a step and ends the local activities that it waits for, in any order.
func stepToEnd(t *rapid.T, w *replaytest.World) (a replay.Answer, ends []replay.LocalResult) {
	for a = w.Step(); len(a.Local) > 0; a = w.EndLocal(ends[len(ends)-1]) {
		r := replay.LocalResult{ID: rapid.SampledFrom(a.Local).Draw(t, "local").ID}
		if rapid.IntRange(0, 3).Draw(t, "outcome") == 0 {
			r.Failure = &protocol.Failure{Message: "bad", Application: &protocol.ApplicationFailure{Type: "Bad"}}
		} else {
			r.Result = protocol.Payload{Data: []byte(`"quick"`)}
		}
		ends = append(ends, r)
	}
	return a, ends
}

func assertNoFailure(t *rapid.T, p program, w *replaytest.World, a replay.Answer) {
	if a.Failure != nil {
		t.Fatalf("program:\n%s\nhistory of %d events\n%s\n%s", p, len(w.History), a.Failure.Message, a.Failure.Stack)
	}
}

func commands(a replay.Answer) string {
	b, err := protocol.Marshal(protocol.WorkflowTaskAnswer{Commands: a.Commands, Rejections: a.Rejections})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// play lets things happen to a run until it ends or nothing more can. step takes a step.
func play(t *rapid.T, w *replaytest.World, step func()) {
	w.Start(nil)
	step()
	updates := 0
	for range rapid.IntRange(1, 30).Draw(t, "length") {
		if w.Closed() {
			return
		}
		switch action := rapid.SampledFrom(actions(w)).Draw(t, "action"); action {
		case "step":
			step()
		case "call":
			w.Call()
		case "lose":
			w.Lose()
		case "crash":
			w.Crash()
		case "signal":
			w.Signal(rapid.SampledFrom(signalNames).Draw(t, "signal"), rapid.IntRange(0, 9).Draw(t, "value"))
		case "cancel":
			w.Cancel()
		case "update":
			updates++
			w.Update(fmt.Sprint("u", updates), rapid.SampledFrom(updateNames).Draw(t, "update"), rapid.SampledFrom([]any{nil, 1, "sleep"}).Draw(t, "value"))
		case "admit":
			w.Admit()
		case "fire":
			timers := w.Timers()
			w.Fire(timers[rapid.IntRange(0, len(timers)-1).Draw(t, "timer")].ID)
		case "activity":
			open := w.Activities()
			end(t, w, open[rapid.IntRange(0, len(open)-1).Draw(t, "activity")])
		case "child":
			endChild(t, w, rapid.SampledFrom(w.Children()).Draw(t, "child"))
		case "answer":
			w.AnswerExternal(rapid.SampledFrom(w.Externals()).Draw(t, "external").ID,
				rapid.SampledFrom([]*protocol.Error{nil, protocol.ErrNotFound}).Draw(t, "refused"))
		}
	}
	if w.Waiting() && !w.Closed() {
		step()
	}
}

// actions lists what can happen now, the likely ones more than once.
func actions(w *replaytest.World) []string {
	can := []string{"crash", "signal", "signal", "cancel", "update", "update"}
	if len(w.Offered()) > 0 {
		can = append(can, "admit")
	}
	if w.Waiting() {
		can = append(can, "step", "step", "step", "step", "lose", "call")
	}
	if len(w.Timers()) > 0 {
		can = append(can, "fire", "fire", "fire")
	}
	if len(w.Activities()) > 0 {
		can = append(can, "activity", "activity", "activity", "activity")
	}
	if len(w.Children()) > 0 {
		can = append(can, "child", "child", "child")
	}
	if len(w.Externals()) > 0 {
		can = append(can, "answer", "answer")
	}
	slices.Sort(can)
	return can
}

func end(t *rapid.T, w *replaytest.World, a replaytest.Activity) {
	switch how := rapid.IntRange(0, 9).Draw(t, "outcome"); {
	case a.Canceled && how < 5:
		w.AcceptCancel(a.ID)
	case how == 0:
		w.TimeOut(a.ID, protocol.TimeoutStartToClose)
	case how == 1:
		w.Fail(a.ID, &protocol.Failure{Message: "bad", Application: &protocol.ApplicationFailure{Type: "Bad"}})
	default:
		w.Complete(a.ID, fmt.Sprint("result of ", a.ID))
	}
}

// endChild lets a child begin, or end.
func endChild(t *rapid.T, w *replaytest.World, c replaytest.OpenChild) {
	switch how := rapid.IntRange(0, 5).Draw(t, "outcome"); {
	case !c.Began && how == 0:
		w.RefuseChild(c.ID)
	case !c.Began:
		w.StartedChild(c.ID)
	case how == 1:
		w.FailChild(c.ID, &protocol.Failure{Message: "bad", Application: &protocol.ApplicationFailure{Type: "Bad"}})
	case how < 4:
		w.CancelChild(c.ID)
	default:
		w.CompleteChild(c.ID, "result of "+c.ID)
	}
}

var (
	signalNames   = []string{"s", "t"}
	futureNames   = []string{"x", "y", "z"}
	updateNames   = []string{"u", "v"}
	channelNames  = []string{"a", "bb"}
	activityTypes = []string{"A", "BB", "CCC"}
)

// drawProgram makes up a program.
func drawProgram(t *rapid.T) program { return drawBlock(t, 3) }

func drawBlock(t *rapid.T, depth int) program {
	n := rapid.IntRange(1, 5).Draw(t, "statements")
	p := make(program, 0, n)
	for range n {
		p = append(p, drawStatement(t, depth))
	}
	return p
}

func drawStatement(t *rapid.T, depth int) statement {
	pick := func(from []string) string { return rapid.SampledFrom(from).Draw(t, "name") }
	verbs := []string{
		"do", "do", "start", "start", "timer", "get", "get", "sleep", "receive", "poll", "send", "take", "set", "await",
		"say", "now", "cancel", "finished",
		"child", "child", "patient", "signal", "halt", "quick", "quick", "short", "short",
	}
	if depth > 0 {
		verbs = append(verbs, "go", "go", "go", "try", "try", "scope", "scope", "within", "detached", "repeat", "select", "select", "defer",
			"handle", "handle", "refuse", "refuse")
	}
	s := statement{verb: rapid.SampledFrom(verbs).Draw(t, "verb")}
	switch s.verb {
	case "do", "quick":
		s.args = pick(activityTypes) + " 1"
	case "start", "short":
		s.args = pick(futureNames) + " " + pick(activityTypes) + ` "in"`
	case "child", "patient":
		s.args = pick(futureNames) + " " + pick(activityTypes) + ` "in"`
	case "signal":
		s.args = pick(futureNames) + ` s "out"`
	case "halt":
		s.args = pick(futureNames)
	case "timer":
		s.args = pick(futureNames) + " 1m"
	case "sleep", "within":
		s.args = rapid.SampledFrom([]string{"0s", "1s", "1h"}).Draw(t, "duration")
	case "get", "cancel", "set", "await", "say", "scope":
		s.args = pick(futureNames)
	case "handle", "refuse":
		s.args = pick(updateNames)
	case "receive", "poll":
		s.args = pick(signalNames)
	case "take":
		s.args = pick(channelNames)
	case "send":
		s.args = pick(channelNames) + " 1"
	case "repeat":
		s.args = "2"
	case "select":
		s.body = drawCases(t, depth-1)
		return s
	}
	switch s.verb {
	case "go", "try", "scope", "within", "detached", "repeat", "defer", "handle", "refuse":
		s.body = drawBlock(t, depth-1)
	}
	return s
}

func drawCases(t *rapid.T, depth int) program {
	names := map[string][]string{"receive": signalNames, "get": futureNames, "take": channelNames, "default": {""}}
	var p program
	for range rapid.IntRange(1, 3).Draw(t, "cases") {
		verb := rapid.SampledFrom([]string{"receive", "get", "take", "default"}).Draw(t, "case")
		s := statement{verb: verb, args: rapid.SampledFrom(names[verb]).Draw(t, "name")}
		if depth > 0 {
			s.body = drawBlock(t, depth-1)
		}
		p = append(p, s)
	}
	return p
}
