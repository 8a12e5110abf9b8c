package machine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/stories"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the scenario files with what happens now")

// TestScenarios runs testdata/*.txt. Each is prose and a story, in which a line that begins with > is a thing that happens and the
// indented lines below it are what comes of it. Run with -rewrite after a change and review the difference.
func TestScenarios(t *testing.T) {
	t.Parallel()
	stories.Run(t, *rewrite, func(t *testing.T, archive *txtar.Archive) {
		s := &story{t: t, w: newWorld()}
		for i := range archive.Files {
			archive.Files[i].Data = s.play(archive.Files[i].Data)
		}
	})
}

// story plays one scenario.
type story struct {
	t    *testing.T
	w    *world
	dies bool // the node dies as soon as the next record is stored
	out  bytes.Buffer
}

func (s *story) play(script []byte) []byte {
	stories.Play(script, &s.out, func(what string) {
		s.happen(strings.Fields(what))
		if err := s.w.history(); err != nil {
			s.t.Errorf("after %q: %v", what, err)
		}
	})
	return bytes.Clone(s.out.Bytes())
}

func (s *story) say(format string, args ...any) { //nolint:goprintffuncname // it reads better
	fmt.Fprintf(&s.out, "\t"+format+"\n", args...)
}

// happen plays one thing. Inputs wait in the inbox until a step takes them:
//
//	start [REQUEST [TIMEOUT]] [OPTION=VALUE...]  signal [REQUEST]  cancel  terminate [RUN]  ready WORKER
//	pause  unpause  reset EVENT REQUEST  update ID [RUN]
//	starts EVENT ATTEMPT [async]  an attempt says that it began
//	complete EVENT [ATTEMPT]   fail EVENT ATTEMPT [TYPE]   canceled EVENT
//	foresees EVENT COMMAND...  the activity completes, and its worker has taken the step that follows already
//	childstart  told  childend  asked ...: see scenario_child_test.go
//	lost EVENT            the worker that was handed an attempt turns out not to have it any more
//	after DURATION        time passes; retries and wake-ups that become due arrive
//	step                  a step begins with what waits, and ends at once if no worker is needed
//	join                  what arrived meanwhile is taken into the step
//	answer COMMAND...     a worker answers: do ID, wait ID (begun within 1m), do3 ID (three attempts), soon ID (within 30 s), stop ID, timer ID,
//	                      untimer ID, end, giveup, fail, next (continue as new), accept ID, done ID,
//	                      takes ID (the worker has a slot for the activity),
//	                      broken ID (an update's handler fails), reject ID (without an event), refuse ID (with one)
//	panic  silent  nobody a worker fails, falls silent, or is not there
//	dies                  the node will die before it can act on the next record; another one begins
//	crash                 the node dies
//	task                  what a worker is told about the step on offer
//	show                  what describe tells
func (s *story) happen(f []string) {
	if s.arrives(f) {
		return
	}
	w := s.w
	if inStep := map[string]bool{
		"join": true, "answer": true, "panic": true, "silent": true, "nobody": true, "task": true, "step": false,
	}; w.turn == nil == inStep[f[0]] && (inStep[f[0]] || f[0] == "step") {
		s.t.Fatalf("%q does not fit here:\n%s", f[0], &s.out)
	}
	switch f[0] {
	case "after":
		d, err := time.ParseDuration(f[1])
		s.check(err)
		w.pass(d)
	case "step":
		if !w.begin() {
			s.decided(w.turn.Decide(w.now))
			return
		}
		if a := w.foreseen; a != nil {
			s.foreseen(a)
			return
		}
		s.offered()
	case "join":
		closing := w.join()
		s.say("changed: %t", closing)
		if !w.turn.Wants() {
			s.decided(w.turn.Decide(w.now))
		} else if closing {
			s.offered()
		}
	case "answer":
		a := &protocol.WorkflowTaskAnswer{Worker: cmp.Or(w.turn.Worker(), "ada"), Commands: commands(f[1:]), Rejections: rejections(f[1:]), Takes: takes(f[1:])}
		if Closes(a) && len(w.waiting) > 0 {
			s.say("not yet: %d inputs wait, and the run must hear them first", len(w.waiting))
			return
		}
		s.decided(w.turn.Answer(a, w.now))
	case "panic":
		s.decided(w.turn.Answer(&protocol.WorkflowTaskAnswer{
			Worker: "ada", Cause: protocol.CauseWorkflowPanic, Failure: &protocol.Failure{Message: "a vase"},
		}, w.now))
	case "silent":
		s.decided(w.turn.TimedOut("ada", w.now))
	case "nobody":
		s.decided(w.turn.Decide(w.now))
	case "crash":
		s.check(w.crash())
		s.say("%d inputs come again", len(w.waiting))
		s.effects()
	case "dies":
		s.dies = true
	case "heard": // a heartbeat of event 5, the node's look at which the step begins with
		w.w.Heard(5, w.now)
	case "task":
		t := w.task
		s.say("nonce %s, base %q, after event %d", t.Nonce, t.Base, t.After)
	case "show":
		s.show()
	default:
		s.t.Fatalf("nothing is called %q", f[0])
	}
}

// arrives puts an input into the inbox.
func (s *story) arrives(f []string) bool {
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	number := func(i int) int64 {
		n, err := strconv.ParseInt(arg(i), 10, 64)
		s.check(err)
		return n
	}
	run := "run-1"
	if s.w.w.Run != nil {
		run = s.w.w.Run.ID()
	}
	switch f[0] {
	case "start":
		s.start(f[1:])
	case "signal":
		s.w.arrive(protocol.SignalInput{Name: "go", RequestID: arg(1)}, arg(1))
	case "update":
		s.w.arrive(protocol.UpdateInput{Run: strings.Trim(arg(2), "-"), UpdateCall: protocol.UpdateCall{
			UpdateID: arg(1), RequestID: arg(3), Name: "approve",
		}}, "")
	case "cancel":
		s.w.arrive(protocol.CancelInput{Reason: "no time"}, "")
	case "terminate":
		s.w.arrive(protocol.TerminateInput{Run: arg(1), Reason: "hopeless"}, "")
	case "activity":
		s.w.arrive(s.control(f[1], arg(2), f[3:]), arg(2))
	case "pause", "unpause":
		s.w.arrive(protocol.PauseInput{Resume: f[0] == "unpause", RequestID: arg(1)}, arg(1))
	case "reset":
		s.w.arrive(Reset{ResetInput: protocol.ResetInput{
			Event: number(1), RequestID: arg(2), NewRun: "reset-" + arg(2), Reason: "a mistake",
		}}, arg(2))
	case "ready":
		s.w.arrive(protocol.WorkerReady{Run: run, Worker: f[1]}, "")
	case "starts":
		s.w.arrive(protocol.ActivityStarted{
			Run: run, ScheduledID: number(1), Attempt: int(number(2)), Worker: "ada", Async: arg(3) == "async",
		}, "")
	case "complete":
		attempt := int64(1)
		if len(f) > 2 {
			attempt = number(2)
		}
		s.w.arrive(s.w.reports(number(1), int(attempt)), "")
	case "foresees":
		words, given := f, s.w.given[len(s.w.given)-1]
		s.w.arrive(s.w.foresees(s.w.reports(number(1), 1), given, s.w.now, protocol.WorkflowTaskAnswer{
			Worker: "ada", Commands: commands(words[2:]), Takes: takes(words[2:]),
		}), "")
	case "fail":
		r := s.w.reports(number(1), int(number(2)))
		r.Failure = &protocol.Failure{Message: "no", Application: &protocol.ApplicationFailure{NonRetryable: arg(3) == "terminal"}}
		r.Interrupted, r.Latest = arg(3) == "interrupted", arg(3) == "latest"
		s.w.arrive(r, "")
	case "lost":
		s.w.lose(number(1))
	case "fires": // the wake-up of an attempt, late
		task := protocol.ActivityTask{Run: s.w.w.Run.ID(), ScheduledID: number(1), Attempt: int(number(2))}
		s.w.arrive(protocol.TimerInput{Task: &task}, "")
	case "canceled":
		r := s.w.reports(number(1), 1)
		r.Failure = protocol.CanceledError("stopped")
		s.w.arrive(r, "")
	default:
		return s.othersArrive(f, run)
	}
	return true
}

// control reads what is done to activity 1: ACTION REQUEST and options.
func (s *story) control(action, request string, words []string) protocol.ActivityInput {
	in := protocol.ActivityInput{Activity: "1", Action: protocol.ActivityAction(action), RequestID: request}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "keep":
			in.KeepPaused = true
		case "drop":
			in.DropHeartbeat = true
		case "restore":
			in.Restore = true
		case "of":
			in.Activity = value
		case "queue":
			in.Changes = &protocol.ActivityChanges{Queue: &value}
		case "close":
			d := protocol.Duration(s.duration(value))
			in.Changes = &protocol.ActivityChanges{ScheduleToClose: &d}
		default:
			s.t.Fatalf("an activity has no option %q", name)
		}
	}
	return in
}

func recallText(c Recall) string {
	text := fmt.Sprintf("recalls event %d from %s", c.ScheduledID, strings.Join(c.Queues, " and "))
	say := func(holds bool, word string) {
		if holds {
			text += ", " + word
		}
	}
	say(c.Stay, "what lies there stays")
	say(c.Hold, "to wait")
	say(c.Late, "if it is not too late")
	say(c.Lost != nil, "or begins one beside that of somebody else")
	say(c.Drop != 0, "without what was reported")
	return text
}

// start reads a start: REQUEST, TIMEOUT and options, all of which may be left out.
func (s *story) start(words []string) {
	var request string
	var timeout time.Duration
	var options []func(*protocol.StartInput)
	for i, word := range words {
		name, value, ok := strings.Cut(word, "=")
		switch {
		case ok:
			options = append(options, func(in *protocol.StartInput) { s.option(in, name, value) })
		case i == 0:
			request = word
		default:
			timeout = s.duration(word)
		}
	}
	s.w.start(request, timeout, options...)
}

func (s *story) option(in *protocol.StartInput, name, value string) {
	switch name {
	case "reuse":
		in.Reuse = protocol.ReusePolicy(value)
	case "conflict":
		in.Conflict = protocol.ConflictPolicy(value)
	case "delay":
		in.Delay = protocol.Duration(s.duration(value))
	case "execution":
		in.ExecutionTimeout = protocol.Duration(s.duration(value))
	case "attempts":
		n, err := strconv.Atoi(value)
		s.check(err)
		in.RetryPolicy = &protocol.RetryPolicy{MaximumAttempts: n}
	case "alone": // an activity, tried so many times
		n, err := strconv.Atoi(value)
		s.check(err)
		in.Activity = &protocol.ActivityOptions{RetryPolicy: protocol.RetryPolicy{MaximumAttempts: n}}
	case "update":
		in.Update = &protocol.UpdateInput{UpdateCall: protocol.UpdateCall{UpdateID: value, Name: "approve"}}
	case "signal":
		in.Signal = &protocol.SignalInput{Name: value}
	default:
		s.t.Fatalf("a start has no option %q", name)
	}
}

func (s *story) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	s.check(err)
	return d
}

func (s *story) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) offered() {
	t := s.w.task
	who := s.w.turn.Worker()
	if who == "" {
		who = "anyone"
	}
	s.say("asks %s with events %d to %d, attempt %d", who, t.Events[0].ID, t.Events[len(t.Events)-1].ID, t.Attempt)
	for _, u := range t.Updates {
		s.say("  and the update %s", u.UpdateID)
	}
}

// decided tells what a step came to, and lets the node act on it.
func (s *story) decided(r Ready) {
	if rec := r.Record; rec != nil {
		s.say("record %d of %s, inputs %v", rec.Step, rec.Run, rec.Inputs)
		for _, q := range rec.Requests {
			s.say("  knows that %s took %s", q.Run, q.ID)
		}
		for _, e := range rec.Events {
			s.say("  %d %s %s", e.ID, e.Type(), attributes(e.Attributes))
		}
	} else {
		s.say("nothing to record, inputs %v", r.Decided)
	}
	if s.dies {
		s.succeed(r)
		return
	}
	for _, v := range r.Verdicts {
		if t, ok := v.Tell(); ok {
			s.say("tells %s", told(t))
			continue
		}
		if v.Verdict.Error != nil {
			s.say("%s: refused, %s: %s", v.Subject, v.Verdict.Error.Code, v.Verdict.Error.Message)
			if next := v.Verdict.Error.Run; v.Verdict.Error.Code == protocol.CodeClosed && next != "" {
				s.say("  and %s follows", next)
			}
			continue
		}
		how := "accepted by"
		if v.Verdict.Existing {
			how = "there is already"
		}
		s.say("%s: %s %s%s", v.Subject, how, v.Verdict.Run, updateText(v.Verdict.Update))
		if o := v.Verdict.Outcome; o != nil {
			s.say("  which has %s", strings.ToLower(string(o.Status)))
		}
	}
	if r.Left > 0 {
		s.say("%d inputs must wait for the next step", r.Left)
	}
	for _, t := range r.Tells {
		s.say("tells %s", told(t))
	}
	for _, retry := range r.Retries {
		s.say("attempt %d of event %d waits until %s", retry.Task.Attempt, retry.Task.ScheduledID, clock(retry.At))
	}
	for _, task := range r.Resumed {
		s.say("attempt %d of event %d goes to its queue", task.Attempt, task.ScheduledID)
	}
	if r.TaskRetry != nil && !r.TaskRetry.At.IsZero() {
		s.say("the step is tried again at %s, attempt %d", clock(r.TaskRetry.At), r.TaskRetry.Attempt)
	}
	if r.Call != nil {
		s.say("calls for a worker once more")
	}
	s.check(s.w.commit(r))
	if r.Record != nil {
		s.effects()
	}
	if at := s.w.w.Wakeup(); !at.IsZero() {
		s.say("wakes up at %s", clock(at))
	}
}

// succeed lets the node die after it stored the record: another one reads the history and finds the inputs where they were.
func (s *story) succeed(r Ready) {
	s.dies = false
	s.check(s.w.store(r))
	s.check(s.w.crash())
	for _, in := range s.w.waiting {
		s.say("input %d comes again, consumed: %t", in.Seq, s.w.w.Consumed(in.Seq) && !s.w.w.Forgot(in))
		v, ok := s.w.w.Again(in)
		if t, asked := v.Tell(); asked && s.w.w.Consumed(in.Seq) {
			s.say("tells %s", told(t))
		} else if ok && s.w.w.Consumed(in.Seq) {
			s.say("%s: accepted by %s%s", v.Subject, v.Verdict.Run, updateText(v.Verdict.Update))
		}
	}
	s.effects()
}

func (s *story) effects() {
	fx := s.w.last
	for _, task := range fx.Activities {
		if task.HandedTo != "" {
			s.say("hands %s the task %s: %s attempt %d", task.HandedTo, protocol.TaskID(task.Run, task.ScheduledID, task.Number()), task.Type,
				task.Attempt)
			continue
		}
		s.say("task %s: %s attempt %d on %s", protocol.TaskID(task.Run, task.ScheduledID, task.Number()), task.Type, task.Attempt, task.Queue)
	}
	for _, c := range fx.Cancels {
		if c.ScheduledID == 0 {
			s.say("tells the workers of %s that %s has ended", c.Queue, c.Run)
			continue
		}
		why := ""
		if c.Why != "" {
			why = ", " + string(c.Why)
		}
		s.say("tells the workers of %s to stop event %d%s", c.Queue, c.ScheduledID, why)
	}
	for _, c := range fx.Recalls {
		s.say("%s", recallText(c))
	}
	for _, t := range fx.Tells {
		s.say("tells %s", told(t))
	}
	if fx.Call != nil {
		s.say("calls for a worker on %s", fx.Call.Queue)
	}
	for _, v := range fx.Updated {
		if v.Error != nil {
			s.say("announces to those who wait for %s: %s", v.Update.ID, v.Error.Message)
			continue
		}
		s.say("announces to those who wait for%s", strings.TrimPrefix(updateText(v.Update), ","))
	}
	if fx.Closed != nil {
		s.say("announces that %s has %s", fx.Closed.Run, strings.ToLower(string(fx.Closed.Status)))
	}
	if next, ok := s.w.w.Successor(); ok {
		s.say("is followed by %s", next.Body.(succession).start.RunID)
	}
}

func (s *story) show() {
	d := s.w.w.Describe()
	s.say("%s is %s with %d events, cancel requested: %t", d.Run, d.Status, d.HistoryLength, d.CancelRequested)
	for _, a := range d.Activities {
		s.say("activity %s: attempt %d, next at %s", a.ActivityID, a.Attempt, clock(a.NextAttempt))
	}
	for _, t := range d.Timers {
		s.say("timer %s: fires at %s", t.TimerID, clock(t.FireAt))
	}
	for _, u := range d.Updates {
		s.say("update %s: %s by event %d", u.ID, u.Stage, u.Event)
	}
	s.showOthers(d)
	s.showMarked(d)
	if d.Task != nil {
		s.say("step: attempt %d, %s", d.Task.Attempt, d.Task.Cause)
	}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.TimeOnly)
}

// attributes are an event's, without what every story has the same of.
func attributes(a protocol.EventAttributes) string {
	var fields map[string]any
	if json.Unmarshal([]byte(text(a)), &fields) != nil {
		return text(a)
	}
	for _, name := range []string{
		"workflow_id", "workflow_type", "retry_policy", "queue", "workflow_task_completed_event_id", "activity_type",
		"scheduled_event_id", "started_event_id", "start_to_close_timeout", "history_size",
	} {
		if name != "scheduled_event_id" || a.EventType()[:8] == "Workflow" {
			delete(fields, name)
		}
	}
	return text(fields)
}

// updateText tells how far an update has come.
func updateText(u *protocol.UpdateOutcome) string {
	if u == nil {
		return ""
	}
	s := fmt.Sprintf(", %s is %s", u.ID, u.Stage)
	if u.Failure != nil {
		s += ": " + u.Failure.Error()
	}
	return s
}

// rejections reads which updates a worker refuses.
func rejections(words []string) []protocol.UpdateRejection {
	var out []protocol.UpdateRejection
	for i, word := range words {
		if word == "reject" {
			out = append(out, protocol.UpdateRejection{UpdateID: words[i+1], Failure: refused(words[i+1])})
		}
	}
	return out
}

// takes reads which activities a worker has a slot for.
func takes(words []string) []string {
	var ids []string
	for i, word := range words {
		if word == "takes" {
			ids = append(ids, words[i+1])
		}
	}
	return ids
}

func refused(id string) *protocol.Failure {
	return protocol.RejectedError(protocol.UpdateCall{UpdateID: id, Name: "approve"}, &protocol.Failure{Message: "too early"})
}

// commands reads what a worker answers.
func commands(words []string) []protocol.Command {
	var out []protocol.Command
	add := func(a protocol.CommandAttributes) { out = append(out, protocol.Command{Attributes: a}) }
	for i := 0; i < len(words); i++ {
		id := ""
		if i+1 < len(words) {
			id = words[i+1]
		}
		if a := cmp.Or(otherCommand(words[i], id), marked(words[i], id)); a != nil {
			add(a)
			i++
			continue
		}
		switch words[i] {
		case "do":
			add(protocol.ScheduleActivityTask{ActivityID: id, ActivityType: "shop.Charge"})
		case "do3":
			add(protocol.ScheduleActivityTask{
				ActivityID: id, ActivityType: "shop.Charge", RetryPolicy: protocol.RetryPolicy{MaximumAttempts: 3},
			})
		case "soon":
			add(protocol.ScheduleActivityTask{
				ActivityID: id, ActivityType: "shop.Charge", ScheduleToClose: protocol.Duration(30 * time.Second),
			})
		case "wait": // a worker must begin within a minute, and end within an hour
			add(protocol.ScheduleActivityTask{
				ActivityID: id, ActivityType: "shop.Charge", ScheduleToStart: protocol.Duration(time.Minute),
				StartToClose: protocol.Duration(time.Hour), RetryPolicy: protocol.RetryPolicy{MaximumAttempts: 2},
			})
		case "beat": // a heartbeat must come every minute
			add(protocol.ScheduleActivityTask{ActivityID: id, ActivityType: "shop.Charge", Heartbeat: protocol.Duration(time.Minute)})
		case "stop":
			add(protocol.RequestCancelActivityTask{ActivityID: id})
		case "timer":
			add(protocol.StartTimer{TimerID: id, StartToFire: protocol.Duration(time.Hour)})
		case "untimer":
			add(protocol.CancelTimer{TimerID: id})
		case "accept":
			add(protocol.AcceptUpdate{UpdateID: id})
		case "done":
			add(protocol.CompleteUpdate{UpdateID: id, Result: protocol.Payload{Data: []byte(`"yes"`)}})
		case "broken":
			add(protocol.CompleteUpdate{UpdateID: id, Failure: &protocol.Failure{Message: "no"}})
		case "refuse":
			add(protocol.RejectUpdate{UpdateID: id, Failure: refused(id)})
		case "end":
			add(protocol.CompleteWorkflowExecution{Result: protocol.Payload{Data: []byte(`"done"`)}})
			continue
		case "giveup":
			add(protocol.CancelWorkflowExecution{})
			continue
		case "fail":
			add(protocol.FailWorkflowExecution{Failure: &protocol.Failure{Message: "no"}})
			continue
		case "next":
			add(protocol.ContinueAsNewWorkflowExecution{CarriedSignals: protocol.Payload{Data: []byte(`[{"signal_name":"go"}]`)}})
			continue
		}
		i++
	}
	return out
}
