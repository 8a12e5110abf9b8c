package machine

import (
	"fmt"
	"reflect"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// foreseen tells of a step that a worker took before it was asked.
func (s *story) foreseen(a *protocol.WorkflowTaskAnswer) {
	s.say("%s foresaw it", a.Worker)
	s.decided(s.w.turn.Answer(a, s.w.now))
}

// handOver tells the worker that was handed an attempt what it must know to foresee the step that follows.
func (w *world) handOver() {
	var handed int
	for _, task := range w.last.Activities {
		if task.HandedTo != "" {
			handed++
		}
	}
	if f := w.w.Foresight(); f != nil && handed == 1 {
		w.given = append(w.given, *f)
	}
}

// foresees has the worker of an attempt take the step that follows from its result, as if nothing else happened.
func (w *world) foresees(
	r protocol.ActivityResult, f protocol.Foresight, at time.Time, a protocol.WorkflowTaskAnswer,
) protocol.ActivityResult {
	next := &protocol.ForeseenStep{Nonce: w.nonce(), Base: f.Base, ScheduledID: f.LastID + 3, Time: at, Answer: a}
	for i, attributes := range []protocol.EventAttributes{
		protocol.ActivityTaskStarted{
			ScheduledID: r.ScheduledID, Attempt: r.Attempt, Forgiven: r.Forgiven, Identity: r.Worker, LastFailure: r.LastFailure,
		},
		protocol.ActivityTaskCompleted{ScheduledID: r.ScheduledID, StartedID: f.LastID + 1, Result: r.Result},
		protocol.WorkflowTaskStarted{ScheduledID: f.LastID + 3, HistorySize: f.HistorySize, SuggestContinueAsNew: f.SuggestContinueAsNew},
	} {
		w.saw[next.Nonce] = append(w.saw[next.Nonce], protocol.Event{ID: f.LastID + []int64{1, 2, 4}[i], Time: at, Attributes: attributes})
	}
	r.Next = next
	return r
}

// foresaw begins the step as a worker foresaw it, as a node does, and reports whether that is the step. It holds that the code has then
// seen what it would have been shown, and that a draft which does not count leaves no trace.
func (w *world) foresaw() bool {
	w.foreseen = nil
	s := w.w.Foresaw(w.taken, w.now)
	if s == nil {
		return false
	}
	before := snapshot(w.w.Run)
	w.turn = w.w.Begin(w.taken, s.Nonce, s.Time)
	if !w.turn.Foresaw(s) {
		if after := snapshot(w.w.Run); !reflect.DeepEqual(before, after) {
			w.wrong = fmt.Errorf("a draft that does not count changed\n%+v\nto\n%+v", before, after)
		}
		return false
	}
	w.foreseen, w.task = &s.Answer, w.turn.Task(s.Time)
	last := w.task.Events[len(w.task.Events)-4:]
	shown := append(last[:2:2], last[3])
	if got, want := text(shown), text(w.saw[s.Nonce]); got != want {
		w.wrong = fmt.Errorf("the code is shown\n%s\nand the worker showed it\n%s", got, want)
	}
	return true
}
