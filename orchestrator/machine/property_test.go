package machine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// Whatever arrives, whatever workers answer and whenever the node dies: history stays what history must be. world checks
// after every record that folding is deciding, and that a successor derives the same effects.
func TestAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) { arriveAny(t, w) },
			"pass": func(t *rapid.T) {
				w.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			},
			"step":  func(t *rapid.T) { stepAny(t, w) },
			"hand":  func(t *rapid.T) { handAny(t, w) },
			"crash": func(t *rapid.T) { must(t, w.crash()) },
			"":      func(t *rapid.T) { must(t, w.history()); must(t, w.alive()) },
		})
	})
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// arriveAny lets something arrive: mostly something that fits, now and then something from another life.
func arriveAny(t *rapid.T, w *world) {
	request := fmt.Sprintf("request-%d", rapid.IntRange(1, 30).Draw(t, "request"))
	run := rapid.SampledFrom([]string{"run-1", "run-2", "run-3"}).Draw(t, "run")
	if w.w.Run != nil {
		run = rapid.SampledFrom([]string{w.w.Run.ID(), run}).Draw(t, "which run")
	}
	event := rapid.Int64Range(1, 40).Draw(t, "event")
	if !w.w.Run.Open() && rapid.IntRange(0, 3).Draw(t, "nobody") > 0 {
		w.start(fmt.Sprintf("start-%d", w.seq), 0, anyStart(t))
		return
	}
	switch rapid.IntRange(0, 22).Draw(t, "kind") {
	case 0:
		if rapid.IntRange(0, 3).Draw(t, "alone") == 0 {
			w.start(request, 0, func(in *protocol.StartInput) {
				in.Type, in.Activity = "shop.Charge", &protocol.ActivityOptions{}
				in.Delay = protocol.Duration(rapid.IntRange(0, 1).Draw(t, "delay")) * protocol.Duration(time.Minute)
			})
			return
		}
		w.start(request, time.Duration(rapid.IntRange(0, 1).Draw(t, "timeout"))*time.Minute, anyStart(t))
	case 1:
		w.asked(anyNews(t, w, run, event))
	case 2:
		w.arrive(protocol.SignalInput{Name: "go", RequestID: request}, request)
	case 3:
		w.arrive(protocol.CancelInput{RequestID: request}, request)
	case 4:
		if rapid.IntRange(0, 3).Draw(t, "terminate") == 0 {
			w.arrive(protocol.TerminateInput{Run: run}, request)
		}
	case 5:
		w.arrive(protocol.WorkerReady{Run: run, Worker: "late"}, request)
	case 6:
		w.arrive(protocol.TimerInput{}, "")
	case 18, 19:
		w.arrive(protocol.PauseInput{Resume: rapid.Bool().Draw(t, "resume"), RequestID: request}, request)
	case 20:
		w.resets++
		w.arrive(Reset{ResetInput: protocol.ResetInput{
			Event: event, RequestID: request, NewRun: fmt.Sprintf("reset-%d", w.resets), DropSignals: rapid.Bool().Draw(t, "drop"),
		}}, request)
	case 21:
		if w.w.Run != nil {
			w.lose(event)
		}
	case 22:
		w.arrive(protocol.TimerInput{Task: &protocol.ActivityTask{Run: run, ScheduledID: event, Attempt: 1, HandedTo: "w"}}, "") // it is over
	case 16, 17:
		w.arrive(anyControl(t, request), request)
	case 13, 14, 15:
		w.arrive(protocol.UpdateInput{UpdateCall: protocol.UpdateCall{UpdateID: request, Name: "approve"}}, request)
	case 12:
		if len(w.given) > 0 {
			w.arrive(anyForesight(t, w), request)
		}
	default:
		w.arrive(anyResult(t, w, run, event), request)
	}
}

func anyResult(t *rapid.T, w *world, run string, event int64) protocol.ActivityResult {
	if w.w.Run != nil {
		var pending []int64
		w.w.Run.activities.each(func(id int64, _ Activity) { pending = append(pending, id) })
		if slices.Sort(pending); len(pending) > 0 {
			event = rapid.SampledFrom(append(pending, event)).Draw(t, "pending")
		}
	}
	r := protocol.ActivityResult{Run: run, ScheduledID: event, Attempt: rapid.IntRange(1, 3).Draw(t, "attempt"), Worker: "w"}
	for _, task := range w.out { // mostly one that is under way
		if task.Run == run && task.ScheduledID == event && rapid.IntRange(0, 3).Draw(t, "stray") > 0 {
			r.Attempt, r.Forgiven, r.Reset = task.Attempt, task.Forgiven, task.Reset
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "how") {
	case 0:
		r.Failure = &protocol.Failure{Message: "no", Application: &protocol.ApplicationFailure{Type: "No"}}
	case 1:
		r.Failure = protocol.CanceledError("stopped")
	case 2:
		r.Failure = protocol.TimeoutError(protocol.TimeoutStartToClose, "late", nil)
	}
	return r
}

// anyForesight is the result of an activity whose worker foresaw the step that follows: mostly from what it was told last, and now and then
// from something older, at a strange time, or another time.
func anyForesight(t *rapid.T, w *world) protocol.ActivityResult {
	if len(w.reported) > 0 && rapid.IntRange(0, 5).Draw(t, "again") == 0 {
		return rapid.SampledFrom(w.reported).Draw(t, "report")
	}
	f := w.given[len(w.given)-1]
	if rapid.IntRange(0, 7).Draw(t, "old") == 0 {
		f = rapid.SampledFrom(w.given).Draw(t, "given")
	}
	r := anyResult(t, w, w.w.Run.ID(), f.LastID)
	if rapid.IntRange(0, 7).Draw(t, "mishap") > 0 {
		r.Failure = nil
	}
	at := rapid.SampledFrom([]time.Time{w.now, w.now, w.now, f.Time, f.Time.Add(-time.Second), w.now.Add(time.Second)}).Draw(t, "time")
	a := protocol.WorkflowTaskAnswer{Worker: rapid.SampledFrom([]string{"w", "w", "w", "late"}).Draw(t, "worker")}
	addCommands(t, w, &a)
	r = w.foresees(r, f, at, a)
	w.reported = append(w.reported, r)
	return r
}

// anyStart are options of a start: when it begins, whether it is tried again, and what it does about a run that is there.
func anyStart(t *rapid.T) func(*protocol.StartInput) {
	delay := protocol.Duration(rapid.IntRange(0, 2).Draw(t, "later")/2) * protocol.Duration(30*time.Second)
	attempts := rapid.IntRange(0, 2).Draw(t, "attempts")
	conflict := rapid.SampledFrom([]protocol.ConflictPolicy{
		"", protocol.ConflictUseExisting, protocol.ConflictTerminate,
	}).Draw(t, "conflict")
	signaled := rapid.IntRange(0, 3).Draw(t, "signaled") == 0
	return func(in *protocol.StartInput) {
		in.Delay, in.Conflict = delay, conflict
		if attempts > 0 {
			in.RetryPolicy = &protocol.RetryPolicy{MaximumAttempts: attempts}
		}
		if signaled {
			in.Signal = &protocol.SignalInput{Name: "go"}
		}
	}
}

// anyControl is what somebody does to the activities from outside.
func anyControl(t *rapid.T, request string) protocol.ActivityInput {
	in := protocol.ActivityInput{Activity: "shop.Charge", RequestID: request}
	in.Action = rapid.SampledFrom([]protocol.ActivityAction{
		protocol.ActivityPause, protocol.ActivityUnpause, protocol.ActivityReset, protocol.ActivityUpdate,
	}).Draw(t, "action")
	in.KeepPaused = in.Action == protocol.ActivityReset && rapid.Bool().Draw(t, "keep paused")
	if in.Action == protocol.ActivityUpdate {
		queue := rapid.SampledFrom([]string{"orders", "elsewhere"}).Draw(t, "queue")
		in.Changes = &protocol.ActivityChanges{Queue: &queue}
	}
	return in
}

// anyNews is what other workflows may say, mostly about something that was asked of them.
func anyNews(t *rapid.T, w *world, run string, event int64) protocol.InputBody {
	if r := w.w.Run; r != nil {
		asked := []int64{event}
		r.children.each(func(id int64, _ Child) { asked = append(asked, id) })
		r.externals.each(func(id int64, _ External) { asked = append(asked, id) })
		slices.Sort(asked)
		event = rapid.SampledFrom(asked).Draw(t, "asked")
	}
	status := rapid.SampledFrom([]protocol.Status{
		protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCanceled, protocol.StatusTimedOut, protocol.StatusTerminated,
	}).Draw(t, "status")
	switch rapid.IntRange(0, 3).Draw(t, "news") {
	case 0:
		return protocol.AnswerInput{Run: run, Event: event, Verdict: protocol.Verdict{Error: protocol.ErrClosed}}
	case 1:
		return protocol.AnswerInput{Run: run, Event: event, Verdict: protocol.Verdict{Run: "other"}}
	case 2:
		return protocol.SignalInput{Name: "go", RequestID: fmt.Sprint("asked-", event), From: &parent}
	}
	return protocol.ChildInput{Run: run, InitiatedID: event, Outcome: protocol.Outcome{Run: "other", Status: status}}
}

// stepAny takes a step in one of the ways in which a step can go, and lets the node die after the record now and then.
func stepAny(t *rapid.T, w *world) {
	if len(w.waiting) == 0 {
		return
	}
	var r Ready
	wanted := w.begin()
	switch a := w.foreseen; {
	case a != nil && (!Closes(a) || !w.join()):
		r = w.turn.Answer(a, w.now)
	case !wanted:
		r = w.turn.Decide(w.now)
	case rapid.IntRange(0, 5).Draw(t, "joined") == 0 && w.join() && w.task == nil:
		r = w.turn.Decide(w.now)
	case !w.turn.Wants():
		r = w.turn.Decide(w.now)
	default:
		r = answerAny(t, w)
	}
	must(t, w.tellsAskers(r))
	if rapid.IntRange(0, 4).Draw(t, "dies") == 0 {
		must(t, w.store(r))
		before := text(w.last)
		must(t, w.crash())
		if after := text(w.last); len(w.records) > 0 && before != after && r.Record != nil {
			t.Fatalf("the effects were\n%s\nand are after the crash\n%s", before, after)
		}
		return
	}
	must(t, w.commit(r))
}

// handAny has a worker take a step, asked for or foreseen, after which it has the one activity that the run waits for, and mostly lets it
// report of that at once. By chance alone this would hardly ever happen.
func handAny(t *rapid.T, w *world) {
	if !w.w.Run.Open() {
		w.start(fmt.Sprintf("start-%d", w.seq), 0)
	} else if len(w.waiting) == 0 {
		w.arrive(protocol.SignalInput{Name: "go"}, "")
	}
	var r Ready
	if !w.begin() {
		r = w.turn.Decide(w.now)
	} else if a := w.foreseen; a != nil && !Closes(a) {
		r = w.turn.Answer(a, w.now)
	} else {
		w.ids++
		id := strconv.Itoa(w.ids)
		r = w.turn.Answer(&protocol.WorkflowTaskAnswer{
			Worker: "w", Takes: []string{id}, Commands: []protocol.Command{{Attributes: rapid.SampledFrom(working(id)[:2]).Draw(t, "work")}},
		}, w.now)
	}
	given := len(w.given)
	must(t, w.commit(r))
	for range 3 {
		if len(w.given) == given || rapid.IntRange(0, 3).Draw(t, "late") == 0 {
			return
		}
		given = len(w.given)
		w.arrive(anyForesight(t, w), "")
		if rapid.Bool().Draw(t, "beside") {
			arriveAny(t, w)
		}
		stepAny(t, w)
	}
}

func answerAny(t *rapid.T, w *world) Ready {
	if err := seesWhole(w); err != nil {
		t.Fatal(err)
	}
	switch rapid.IntRange(0, 7).Draw(t, "answer") {
	case 0:
		return w.turn.Decide(w.now)
	case 1:
		return w.turn.TimedOut("w", w.now)
	case 2:
		return w.turn.Answer(&protocol.WorkflowTaskAnswer{
			Worker: "w", Cause: protocol.CauseWorkflowPanic, Failure: &protocol.Failure{Message: "a vase"},
		}, w.now)
	}
	a := &protocol.WorkflowTaskAnswer{Worker: "w"}
	answerUpdates(t, w, a)
	addCommands(t, w, a)
	return w.turn.Answer(a, w.now)
}

func addCommands(t *rapid.T, w *world, a *protocol.WorkflowTaskAnswer) {
	for range rapid.IntRange(0, 4).Draw(t, "commands") {
		c := anyCommand(t, w)
		a.Commands = append(a.Commands, c)
		if s, ok := c.Attributes.(protocol.ScheduleActivityTask); ok && rapid.Bool().Draw(t, "takes") {
			a.Takes = append(a.Takes, s.ActivityID)
		}
	}
}

func anyCommand(t *rapid.T, w *world) protocol.Command {
	w.ids++
	id := strconv.Itoa(rapid.SampledFrom([]int{w.ids, w.ids, w.ids, w.ids - 1, w.ids - 2, 0}).Draw(t, "id"))
	if rapid.IntRange(0, 4).Draw(t, "works on") > 0 {
		return protocol.Command{Attributes: working(id)[rapid.IntRange(0, 2).Draw(t, "work")]}
	}
	event := rapid.Int64Range(1, 40).Draw(t, "child")
	return protocol.Command{Attributes: rapid.SampledFrom([]protocol.CommandAttributes{
		protocol.StartChildWorkflowExecution{WorkflowID: "child-" + id, WorkflowType: "shop.Mail"},
		protocol.StartChildWorkflowExecution{
			WorkflowID: "child-" + id, WorkflowType: "shop.Mail", ParentClosePolicy: protocol.ParentCloseAbandon,
		},
		protocol.SignalExternalWorkflowExecution{WorkflowID: "stock", SignalName: "go"},
		protocol.RequestCancelExternalWorkflowExecution{WorkflowID: "stock"},
		protocol.RequestCancelExternalWorkflowExecution{ChildInitiatedID: event},
		protocol.RequestCancelActivityTask{ActivityID: id},
		protocol.CancelTimer{TimerID: id},
		protocol.ScheduleActivityTask{ActivityType: "shop.Charge"},
		protocol.StartTimer{TimerID: id, StartToFire: -1},
		protocol.CompleteWorkflowExecution{},
		protocol.CancelWorkflowExecution{},
		protocol.ContinueAsNewWorkflowExecution{},
		protocol.FailWorkflowExecution{Failure: &protocol.Failure{Message: "no"}},
		protocol.FailWorkflowExecution{},
	}).Draw(t, "command")}
}

// working are commands after which a run has something to wait for.
func working(id string) []protocol.CommandAttributes {
	return []protocol.CommandAttributes{
		protocol.ScheduleActivityTask{ActivityID: id, ActivityType: "shop.Charge"},
		protocol.ScheduleActivityTask{
			ActivityID: id, ActivityType: "shop.Charge", ScheduleToClose: protocol.Duration(30 * time.Second),
			RetryPolicy: protocol.RetryPolicy{MaximumAttempts: 2},
		},
		protocol.StartTimer{TimerID: id, StartToFire: protocol.Duration(10 * time.Second)},
	}
}

// seesWhole holds what a worker that has the run in its cache rests on: what it is offered continues what the last answered step
// has shown it, without a gap.
func seesWhole(w *world) error {
	for i, e := range w.task.Events {
		if e.ID != w.task.After+1+int64(i) {
			return fmt.Errorf("the task offers event %d after %d events that follow %d", e.ID, i, w.task.After)
		}
	}
	if last := w.task.Events[len(w.task.Events)-1]; last.Type() != "WorkflowTaskStarted" {
		return fmt.Errorf("the task's last event is %s", last.Type())
	}
	return nil
}

// history holds what every reader of a history may rest on.
func (w *world) history() error {
	if w.wrong != nil {
		return w.wrong
	}
	var events []protocol.Event
	var consumed uint64
	closed, ended, run := true, map[int64]bool{}, ""
	for _, entry := range w.records {
		var r protocol.Record
		if err := json.Unmarshal(entry.Data, &r); err != nil {
			return err
		}
		if r.Step == 1 {
			if !closed {
				return fmt.Errorf("run %s begins before %s has ended", r.Run, run)
			}
			events, ended, run, closed = nil, map[int64]bool{}, r.Run, false
		}
		for _, seq := range r.Inputs {
			if seq <= consumed {
				return fmt.Errorf("input %d is consumed after %d", seq, consumed)
			}
			consumed = seq
		}
		for _, e := range r.Events {
			if closed {
				return fmt.Errorf("event %d, a %s, comes after the end of run %s", e.ID, e.Type(), run)
			}
			if n := len(events); e.ID != int64(n+1) || n > 0 && e.Time.Before(events[n-1].Time) {
				return fmt.Errorf("event %d of %s comes after %d others", e.ID, e.Time, n)
			}
			if id := ends(e); id != 0 {
				if ended[id] || id >= e.ID {
					return fmt.Errorf("event %d ends %d, which has ended or not begun", e.ID, id)
				}
				ended[id] = true
			}
			events = append(events, e)
			closed = closed || protocol.StatusAfter(e.Attributes).Closed()
		}
	}
	return nil
}

// alive holds that nothing is forgotten: while an open run's code has something to see, somebody is asked to show it.
func (w *world) alive() error {
	r := w.w.Run
	if !r.Open() || len(w.held)+len(w.waiting) > 0 {
		return nil
	}
	var lost error
	r.activities.each(func(event int64, _ Activity) {
		if !w.works(event) {
			lost = fmt.Errorf("activity %d is on no queue, with no worker, and waits for nothing", event)
		}
	})
	if lost != nil || r.paused != nil || !r.wants() || r.TaskScheduled != 0 || !w.w.Wakeup().IsZero() {
		return lost
	}
	return fmt.Errorf("run %s has something to do after event %d, and nobody will ever do it", r.ID(), r.LastEvent)
}

// works reports whether an attempt of the activity is out, or waits for its time.
func (w *world) works(event int64) bool {
	prefix := strings.TrimSuffix(protocol.TaskID(w.w.Run.ID(), event, 0), "0")
	for id := range w.out {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return slices.ContainsFunc(w.retries, func(r Retry) bool {
		return r.Task.Run == w.w.Run.ID() && r.Task.ScheduledID == event
	})
}

// ends is the event that an event ends: a scheduled activity, a started timer, or what was asked of another workflow.
func ends(e protocol.Event) int64 {
	if end, ok := protocol.ChildEnded(e.Attributes); ok {
		return end.InitiatedID
	}
	switch a := e.Attributes.(type) {
	case protocol.StartChildWorkflowExecutionFailed:
		return a.InitiatedID
	case protocol.ExternalWorkflowExecutionSignaled:
		return a.InitiatedID
	case protocol.SignalExternalWorkflowExecutionFailed:
		return a.InitiatedID
	case protocol.ExternalWorkflowExecutionCancelRequested:
		return a.InitiatedID
	case protocol.RequestCancelExternalWorkflowExecutionFailed:
		return a.InitiatedID
	case protocol.ActivityTaskCompleted:
		return a.ScheduledID
	case protocol.ActivityTaskFailed:
		return a.ScheduledID
	case protocol.ActivityTaskTimedOut:
		return a.ScheduledID
	case protocol.ActivityTaskCanceled:
		return a.ScheduledID
	case protocol.TimerFired:
		return a.StartedID
	case protocol.TimerCanceled:
		return a.StartedID
	}
	return 0
}
