package machine

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// handed is a run whose first step asked for the given things, and whose worker takes activity 1 itself: event 5.
func handed(t *testing.T, asked ...protocol.CommandAttributes) *world {
	t.Helper()
	w := newWorld()
	w.start("request-1", time.Hour)
	if !w.begin() {
		t.Fatal("nobody is wanted for the step")
	}
	a := &protocol.WorkflowTaskAnswer{Worker: "ada", Takes: []string{"1"}}
	for _, c := range append([]protocol.CommandAttributes{charge("1")}, asked...) {
		a.Commands = append(a.Commands, protocol.Command{Attributes: c})
	}
	committed(t, w, w.turn.Answer(a, w.now))
	return w
}

func TestForesight(t *testing.T) {
	t.Parallel()
	w := handed(t, timer("t", time.Minute))
	f := w.w.Foresight()
	want := protocol.Foresight{Base: "n1", CompletedID: 4, LastID: 6, Time: midnight, HistorySize: w.w.Run.Size}
	if f == nil || *f != want || want.HistorySize == 0 {
		t.Errorf("got %+v, want %+v", f, want)
	}
}

// A worker is told nothing when it is unlikely that the end of the activity is the next thing to happen, or not known what follows.
func TestNoForesight(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T) *world{
		"another activity": func(t *testing.T) *world { return handed(t, charge("2")) },
		"a child": func(t *testing.T) *world {
			return handed(t, protocol.StartChildWorkflowExecution{WorkflowID: "child", WorkflowType: "shop.Mail"})
		},
		"a signal to another workflow": func(t *testing.T) *world {
			return handed(t, protocol.SignalExternalWorkflowExecution{WorkflowID: "stock", SignalName: "go"})
		},
		"an update that is under way": func(t *testing.T) *world {
			w := begun(t)
			w.arrive(protocol.UpdateInput{UpdateCall: protocol.UpdateCall{UpdateID: "u", Name: "approve"}}, "")
			answer(t, w, protocol.AcceptUpdate{UpdateID: "u"}, charge("1"))
			return w
		},
		"a pause": func(t *testing.T) *world {
			w := handed(t)
			w.arrive(protocol.PauseInput{RequestID: "request-2"}, "")
			decide(t, w)
			return w
		},
		"a step that waits for a worker": func(t *testing.T) *world {
			w := handed(t)
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			decide(t, w)
			return w
		},
		"a step that failed": func(t *testing.T) *world {
			w := handed(t)
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			w.begin()
			committed(t, w, w.turn.Answer(&protocol.WorkflowTaskAnswer{
				Worker: "ada", Cause: protocol.CauseWorkflowPanic, Failure: &protocol.Failure{Message: "a vase"},
			}, w.now))
			return w
		},
		"no activity": func(t *testing.T) *world { return begun(t, timer("t", time.Minute)) },
		"the end":     func(t *testing.T) *world { return begun(t, protocol.CompleteWorkflowExecution{}) },
		"no code": func(t *testing.T) *world {
			w := newWorld()
			w.start("request-1", 0, func(in *protocol.StartInput) { in.Activity = &protocol.ActivityOptions{} })
			decide(t, w)
			return w
		},
		"no run": func(*testing.T) *world { return newWorld() },
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if f := run(t).w.Foresight(); f != nil {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// later is when the tests' activities end.
var later = midnight.Add(10 * time.Second)

// foreseenBy is the report of activity 1, with the step that a worker took by itself.
func foreseenBy(w *world, change func(*protocol.ActivityResult)) protocol.ActivityResult {
	r := w.foresees(w.reports(5, 1), w.given[0], later, protocol.WorkflowTaskAnswer{
		Worker: "ada", Commands: []protocol.Command{{Attributes: charge("2")}}, Takes: []string{"2"},
	})
	if change != nil {
		change(&r)
	}
	return r
}

// final is a failure that is not tried again.
func final() *protocol.Failure {
	return &protocol.Failure{Message: "no", Application: &protocol.ApplicationFailure{NonRetryable: true}}
}

// Whatever else has happened, or is wrong with the step, has the worker asked, and the step that it took never happened.
func TestForeseenInVain(t *testing.T) {
	t.Parallel()
	type result = protocol.ActivityResult
	soon := []protocol.CommandAttributes{timer("t", 11*time.Second)}
	at := func(d time.Duration) func(*world) { return func(w *world) { w.now = midnight.Add(d) } }
	tests := map[string]struct {
		change func(*result)
		before func(*world) // happens between the step and the result
		asked  []protocol.CommandAttributes
	}{
		"a result from outside":     {change: func(r *result) { r.RequestID = "request-2" }},
		"another base":              {change: func(r *result) { r.Next.Base = "n0" }},
		"another run":               {change: func(r *result) { r.Run = "run-0" }},
		"another worker":            {change: func(r *result) { r.Next.Answer.Worker = "bob" }},
		"another event":             {change: func(r *result) { r.Next.ScheduledID++ }},
		"no nonce":                  {change: func(r *result) { r.Next.Nonce = "" }},
		"the nonce of the last":     {change: func(r *result) { r.Next.Nonce = r.Next.Base }},
		"a nonce that is no ID":     {change: func(r *result) { r.Next.Nonce = strings.Repeat("n", protocol.MaxIDLength+1) }},
		"before the last event":     {change: func(r *result) { r.Next.Time = midnight.Add(-1) }},
		"after now":                 {change: func(r *result) { r.Next.Time = later.Add(1) }},
		"a while ago":               {before: func(w *world) { w.now = later.Add(fresh + 1) }},
		"a failed step":             {change: func(r *result) { r.Next.Answer.Failure = failed() }},
		"a refusal":                 {change: func(r *result) { r.Next.Answer.Refusal = protocol.RefusalBusy }},
		"a sign of life":            {change: func(r *result) { r.Next.Answer.Progress = true }},
		"an answer to a query":      {change: func(r *result) { r.Next.Answer.Query = &protocol.WorkflowQueryAnswer{} }},
		"a rejected update":         {change: func(r *result) { r.Next.Answer.Rejections = make([]protocol.UpdateRejection, 1) }},
		"an attempt that failed":    {change: func(r *result) { r.Failure = failed() }},
		"an activity that failed":   {change: func(r *result) { r.Failure = final() }},
		"another activity's result": {change: func(r *result) { r.ScheduledID = 99 }},
		"a signal that was recorded": {before: func(w *world) {
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			w.begin()
			_ = w.commit(w.turn.Answer(&protocol.WorkflowTaskAnswer{Worker: "ada"}, w.now))
		}},
		"a signal that waits for a worker": {before: func(w *world) {
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			w.begin()
			_ = w.commit(w.turn.Decide(w.now))
		}},
		"a signal in the same batch":  {before: func(w *world) { w.arrive(protocol.SignalInput{Name: "go"}, "") }},
		"a cancellation":              {before: func(w *world) { w.arrive(protocol.CancelInput{}, "") }},
		"a timer that is due":         {before: func(w *world) { w.pass(time.Second) }, asked: soon},
		"a timer that is due just so": {before: at(11 * time.Second), asked: soon},
		"the run's time is up": {
			change: func(r *result) { r.Next.Time = midnight.Add(time.Hour - 1) }, before: at(time.Hour),
		},
		"a pause": {before: func(w *world) {
			w.arrive(protocol.PauseInput{RequestID: "request-2"}, "")
			w.begin()
			_ = w.commit(w.turn.Decide(w.now))
		}},
		"an attempt that said that it began": {before: func(w *world) {
			w.arrive(protocol.ActivityStarted{Run: "run-1", ScheduledID: 5, Attempt: 1, Worker: "ada"}, "")
			w.begin()
			_ = w.commit(w.turn.Decide(w.now))
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := handed(t, tt.asked...)
			w.now = later
			r := foreseenBy(w, tt.change)
			if tt.before != nil {
				tt.before(w)
			}
			w.arrive(r, "")
			w.begin()
			if w.foreseen != nil || w.wrong != nil {
				t.Errorf("the step counts: %+v, %v", w.foreseen, w.wrong)
			}
			if w.turn.nonce == r.Next.Nonce {
				t.Error("the record would carry the nonce that the worker made up")
			}
		})
	}
}

func TestForeseen(t *testing.T) {
	t.Parallel()
	w := handed(t, timer("t", time.Minute))
	w.now = later.Add(time.Second)
	r := foreseenBy(w, nil)
	w.arrive(r, "")
	if !w.begin() || w.foreseen == nil || w.wrong != nil {
		t.Fatalf("the step does not count: %v", w.wrong)
	}
	ready := committed(t, w, w.turn.Answer(w.foreseen, w.now))
	record := ready.Record
	if record.Nonce != r.Next.Nonce || w.w.Run.Base != r.Next.Nonce || record.Handed == nil || record.Handed.Worker != "ada" {
		t.Errorf("the record is %+v", record)
	}
	for i, want := range []time.Time{later, later, later, later, w.now, w.now} {
		if got := record.Events[i].Time; !got.Equal(want) {
			t.Errorf("event %d is of %s, want %s", record.Events[i].ID, got, want)
		}
	}
	if f := w.w.Foresight(); f == nil || f.Base != r.Next.Nonce || f.CompletedID != 11 || f.LastID != 12 {
		t.Errorf("what follows is %+v", f)
	}
}

// A worker whose version is not the one that takes the run's steps any more did not foresee the step, whatever it is.
func TestForeseenByAnOldVersion(t *testing.T) {
	t.Parallel()
	for current, counts := range map[string]bool{"": true, "v1": true, "v2": false} {
		w := handed(t)
		w.now = later
		r := foreseenBy(w, func(r *protocol.ActivityResult) { r.Next.Answer.Version = "v1" })
		in := []protocol.Input{w.arrive(r, "")}
		turn := w.w.Begin(in, r.Next.Nonce, r.Next.Time)
		turn.Route(current)
		if s := w.w.Foresaw(in, w.now); s == nil || turn.Foresaw(s) != counts {
			t.Errorf("with the current version %q, the step counts: %t", current, !counts)
		}
	}
}
