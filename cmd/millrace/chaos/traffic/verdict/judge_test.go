package verdict

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/millrace-dev/millrace/protocol"
)

func TestInnocent(t *testing.T) {
	t.Parallel()
	violations, undecided := Judge(newWorld().evidence(t))
	if len(violations)+len(undecided) > 0 {
		t.Errorf("in a world where all is well: %v, undecided: %v", violations, undecided)
	}
}

// crime is something that was planted, and what must be seen of it: that, and nothing else.
type crime struct {
	name string
	// world plants it into what happened, evidence into what is known of that. Either may be nil.
	world    func(*world)
	evidence func(*Evidence)
	want     Invariant
	// seen is a part of what must be said.
	seen string
}

var crimes = []crime{
	{name: "a run stays open", want: Ended, seen: "open", world: func(w *world) {
		last := &w.histories["nap"][1]
		last.events = last.events[:len(last.events)-1]
	}},
	{name: "a run ends as it must not", want: Ended, seen: "was to be Canceled", world: func(w *world) { w.calls[1].Want = protocol.StatusCanceled }},
	{name: "a run is not followed by the next", want: Ended, seen: "followed by b9", world: func(w *world) {
		events := w.histories["box"][1].events
		can := events[len(events)-1].(protocol.WorkflowExecutionContinuedAsNew)
		can.NewRunID = "b9"
		events[len(events)-1] = can
	}},
	{name: "a start is lost", want: Kept, seen: "no such run", world: func(w *world) {
		w.calls = append(w.calls, Call{Op: OpStart, Workflow: "lost", ID: "start-l1", Run: "l1", Answer: Acked})
	}},
	{name: "a start begins two runs", want: Once, seen: "2 runs", world: func(w *world) {
		w.histories["nap"] = append(w.histories["nap"], step{"n2", time.Hour, with(started("nap", "n2", "traffic.Naps", func(s *protocol.WorkflowExecutionStarted) {
			s.RequestID = "start-n1"
		}), task(2, protocol.WorkflowExecutionCompleted{TaskCompletedID: 4}))})
		w.calls = append(w.calls, Call{Op: OpStart, Workflow: "nap", ID: "start-n1", Run: "n1", Answer: Acked})
	}},
	{name: "a start that was refused begins a run", want: Kept, seen: "began a run", world: func(w *world) {
		w.call("start-r1").Answer, w.call("start-r1").Code, w.call("start-r1").Run = Refused, protocol.CodeAlreadyStarted, ""
		w.calls = slices.DeleteFunc(w.calls, func(c Call) bool { return c.Workflow == "register" && c.Op != OpStart })
		w.calls = append(w.calls, Call{Client: 2, Op: OpStart, Workflow: "register", Name: RegisterType, ID: "another", Run: "r1", Answer: Acked})
	}},
	{name: "a signal is lost", want: Kept, seen: "mail-1-1", world: func(w *world) {
		s := &w.histories["box"][1]
		s.events = slices.Delete(s.events, 1, 2)
		s.events = slices.Concat(s.events[:1], task(6, protocol.WorkflowExecutionContinuedAsNew{NewRunID: "b2", TaskCompletedID: 8}))
		w.returns("box", `{"0":[1,2]}`)
	}},
	{name: "a signal is recorded twice", want: Once, seen: "2 times", world: func(w *world) {
		s := &w.histories["box"][3]
		s.events = slices.Concat([]protocol.EventAttributes{mailed(0, 2), mailed(0, 2)},
			task(7, protocol.WorkflowExecutionCompleted{Result: value(`{"0":[1,2,2],"1":[1]}`), TaskCompletedID: 9}))
	}},
	{name: "a signal is refused", want: Kept, seen: "must not", world: func(w *world) {
		w.calls = append(w.calls, Call{Op: OpSignal, Workflow: "box", ID: "mail-9-9", Answer: Refused, Code: protocol.CodeNotFound})
	}},
	{name: "a cancellation is lost", want: Kept, seen: "cancel-1", world: func(w *world) {
		w.histories["patient"][1].events[0] = protocol.WorkflowExecutionCancelRequested{RequestID: "another"}
	}},
	{name: "an update is lost", want: Kept, seen: "no history has it", world: func(w *world) {
		w.calls = append(w.calls, Call{Op: OpUpdate, Workflow: "nap", ID: "u9", Answer: Acked})
	}},
	{name: "an update came to something else", want: Kept, seen: "was told 3", world: func(w *world) {
		w.histories["register"][1].events[4] = answered("u1", "8", 8, 7)
	}},
	{name: "a client hears of another result", want: Kept, seen: "was told", world: func(w *world) { w.calls[1].Got = []byte(`"gone"`) }},
	{name: "a client hears of another status", want: Kept, seen: "the run is Completed", world: func(w *world) {
		w.calls[1].Status, w.calls[1].Want = protocol.StatusFailed, protocol.StatusFailed
	}},
	{name: "a result is recorded twice", want: Once, seen: "had ended", world: func(w *world) {
		done := protocol.ActivityTaskCompleted{ScheduledID: 5, StartedID: 6, Result: value(`"stamp"`)}
		s := &w.histories["order"][1]
		s.events = slices.Concat(s.events[:2], []protocol.EventAttributes{done},
			task(9, protocol.WorkflowExecutionCompleted{Result: value(`"done"`), TaskCompletedID: 11}))
	}},
	{name: "a result is not what the attempt returned", want: Once, seen: "did not return", world: func(w *world) {
		w.histories["order"][1].events[1] = protocol.ActivityTaskCompleted{ScheduledID: 5, StartedID: 6, Result: value(`"forged"`)}
	}},
	{name: "a result is of an attempt that nobody made", want: Once, seen: "no worker knows", world: func(w *world) {
		w.histories["order"][1].events[0] = protocol.ActivityTaskStarted{ScheduledID: 5, Attempt: 3}
	}},
	{name: "a local result is not what the attempt returned", want: Once, seen: "local activity 2", world: func(w *world) {
		s := &w.histories["nap"][0]
		s.events = append(s.events, protocol.MarkerRecorded{
			Name: protocol.MarkerLocalActivity, ID: "2", Value: value(`"forged"`), TaskCompletedID: 4,
		})
		w.histories["nap"][1].events = with(protocol.TimerFired{TimerID: "1", StartedID: 5},
			task(8, protocol.WorkflowExecutionCompleted{TaskCompletedID: 10}))
		w.notes = append(w.notes, Note{Kind: Did, Run: "n1", Activity: "2", Attempt: 1, Digest: value(`"true"`).Digest()})
	}},
	{name: "a record is missing", want: Chained, seen: "does not follow", evidence: func(e *Evidence) {
		e.Records["parent"] = slices.Delete(e.Records["parent"], 1, 2)
	}},
	{name: "a record was changed", want: Chained, seen: "does not follow", evidence: func(e *Evidence) {
		r := &e.Records["nap"][0]
		r.Data = []byte(strings.Replace(string(r.Data), `"queue":"q"`, `"queue":"x"`, 1))
	}},
	{name: "a step is recorded twice", want: Chained, seen: "same step", evidence: func(e *Evidence) {
		before := protocol.Digest(e.Records["nap"][0].Data)
		e.Records["nap"][0].Data = []byte(strings.Replace(string(e.Records["nap"][0].Data), "nap-0", "nap-1", 1))
		second := &e.Records["nap"][1]
		second.Data = []byte(strings.Replace(string(second.Data), before, protocol.Digest(e.Records["nap"][0].Data), 1))
	}},
	{name: "a record cannot be read", want: Chained, seen: "cannot be read", evidence: func(e *Evidence) {
		e.Records["nap"] = append(e.Records["nap"], protocol.Entry{Seq: 9, Data: []byte("{")})
	}},
	{name: "an event is missing", want: Chained, seen: "out of order", evidence: func(e *Evidence) { // whose writer left it out
		r := &e.Records["nap"][1]
		r.Data = []byte(strings.Replace(string(r.Data), `"id":6,`, `"id":7,`, 1))
	}},
	{name: "a timer fires that nobody set", want: Legal, seen: "nobody began", world: func(w *world) {
		s := &w.histories["nap"][1]
		s.events = slices.Concat([]protocol.EventAttributes{s.events[0], protocol.TimerFired{TimerID: "2", StartedID: 3}},
			task(8, protocol.WorkflowExecutionCompleted{TaskCompletedID: 10}))
	}},
	{name: "something follows the end", want: Legal, seen: "after the end", world: func(w *world) {
		w.histories["nap"] = append(w.histories["nap"], step{"n1", time.Hour, []protocol.EventAttributes{
			protocol.WorkflowExecutionSignaled{Name: "late", RequestID: "late"},
		}})
	}},
	{name: "a command follows from no step", want: Legal, seen: "follows from event 3", world: func(w *world) {
		w.histories["nap"][0].events[4] = protocol.TimerStarted{TimerID: "1", FireAt: midnight.Add(time.Minute), TaskCompletedID: 3}
	}},
	{name: "two signals of a sender change places", want: Ordered, seen: "before its signal", world: func(w *world) {
		w.histories["box"][1].events[0], w.histories["box"][3].events[0] = mailed(0, 2), mailed(0, 1)
		w.returns("box", `{"0":[2,1],"1":[1]}`)
	}},
	{name: "the code receives signals in another order", want: Ordered, seen: "received", world: func(w *world) {
		w.returns("box", `{"0":[2,1],"1":[1]}`)
	}},
	{name: "the code does not receive a signal", want: Ordered, seen: "received", world: func(w *world) { w.returns("box", `{"0":[1,2]}`) }},
	{name: "two runs are open", want: Single, seen: "while run n1 is open", world: func(w *world) {
		second := step{"n2", time.Second, with(started("nap", "n2", "traffic.Naps"), task(2, protocol.WorkflowExecutionCompleted{TaskCompletedID: 4}))}
		w.histories["nap"] = []step{w.histories["nap"][0], second}
	}},
	{name: "a timer is early", want: Punctual, seen: "clock of its node", world: func(w *world) { w.histories["nap"][1].at = 59 * time.Second }},
	{name: "a node's clock is ahead", want: Punctual, seen: "clock of the server", evidence: func(e *Evidence) {
		e.Records["nap"][1].Time = midnight.Add(time.Second)
	}},
	{name: "a sleep is short", want: Punctual, seen: "sleeps for", world: func(w *world) { w.calls[1].Least = time.Hour }},
	{name: "a child came to something else", want: Related, seen: "its parent heard", world: func(w *world) {
		events := w.histories["child"][0].events
		events[4] = protocol.WorkflowExecutionCompleted{Result: value(`2`), TaskCompletedID: 4}
	}},
	{name: "a child ended otherwise", want: Related, seen: "its parent heard Completed", world: func(w *world) {
		w.histories["child"][0].events[4] = protocol.WorkflowExecutionCanceled{TaskCompletedID: 4}
	}},
	{name: "a child has another parent", want: Related, seen: "another parent", world: func(w *world) {
		s := w.histories["child"][0].events[0].(protocol.WorkflowExecutionStarted)
		s.Parent = nil
		w.histories["child"][0].events[0] = s
	}},
	{name: "a task is left", want: Clean, seen: "task mr.default.task", evidence: func(e *Evidence) {
		e.Left = append(e.Left, Left{What: "task", Subject: "mr.default.task.activity.q.o1.5.1", Count: 1})
	}},
	{name: "a file is left", want: Clean, seen: "sha256-1", evidence: func(e *Evidence) { e.Doomed["sha256-1"] = true }},
	{name: "a file is missing", want: Kept, seen: "is missing", world: func(w *world) { w.fills("nap") }},
	{name: "a file would be collected", want: Kept, seen: "would be collected", world: func(w *world) {
		w.fills("nap")
		w.notes = append(w.notes, Note{Digest: strings.Repeat("0", 64)})
	}, evidence: func(e *Evidence) {
		e.Files["sha256-"+strings.Repeat("0", 64)], e.Doomed["sha256-"+strings.Repeat("0", 64)] = true, true
	}},
	{name: "a row is wrong", want: Listed, seen: "its row says Running", evidence: func(e *Evidence) {
		e.Rows["n1"] = protocol.Row{ID: "nap", Run: "n1", Status: protocol.StatusRunning}
	}},
	{name: "a row is missing", want: Listed, seen: "no row", evidence: func(e *Evidence) { delete(e.Rows, "n1") }},
	{name: "a query sees the past", want: Linear, seen: "query value", world: func(w *world) {
		w.calls = append(w.calls, Call{
			Client: 2, Op: OpQuery, Workflow: "register", Name: ValueQuery, Got: []byte("0"),
			Begun: 45 * time.Millisecond, Ended: 48 * time.Millisecond, Answer: Acked,
		})
	}},
	{name: "an update does not see a signal", want: Linear, seen: "update close", world: func(w *world) {
		w.call("u2").Got = []byte("3")
		w.histories["register"][3].events[4] = answered("u2", "3", 17, 16)
	}},
	{name: "two starts win", want: Linear, seen: "start", world: func(w *world) {
		w.calls = append(w.calls, Call{
			Client: 2, Op: OpStart, Workflow: "register", Name: RegisterType, ID: "second", Run: "r2",
			Begun: 45 * time.Millisecond, Ended: 48 * time.Millisecond, Answer: Acked,
		})
		w.histories["register"] = append(w.histories["register"], step{
			"r2", time.Hour,
			with(started("register", "r2", RegisterType), task(2, protocol.WorkflowExecutionCompleted{TaskCompletedID: 4})),
		})
	}},
}

// An update that waits in a run while that is replaced comes to nothing, if both happened at the same time. One that comes later does not.
func TestAnUpdateOfARunThatIsReplaced(t *testing.T) {
	t.Parallel()
	call := func(client int, from, to int64, c Call) porcupine.Operation {
		c.Client = client
		return porcupine.Operation{ClientId: client, Input: c, Call: from, Return: to}
	}
	started := call(0, 0, 10, Call{Op: OpStart, Run: "r1", Answer: Acked})
	replaced := call(0, 20, 30, Call{Op: OpStart, Run: "r2", Conflict: protocol.ConflictTerminate, Answer: Acked})
	looked := call(0, 35, 40, Call{Op: OpQuery, Got: []byte("0"), Answer: Acked})
	for from, want := range map[int64]bool{15: true, 50: false} {
		unseen := call(1, from, from+10, Call{Op: OpUpdate, Name: AddUpdate, Number: 1, Answer: Refused, Code: protocol.CodeClosed})
		if got := porcupine.CheckOperations(model, []porcupine.Operation{started, replaced, looked, unseen}); got != want {
			t.Errorf("an update that was asked at %d is legal: %t, want %t", from, got, want)
		}
	}
}

// returns changes what a workflow comes to.
func (w *world) returns(workflow, result string) {
	steps := w.histories[workflow]
	events := steps[len(steps)-1].events
	done := events[len(events)-1].(protocol.WorkflowExecutionCompleted)
	done.Result = value(result)
	events[len(events)-1] = done
}

// fills has a workflow come to a value that lies in the object store.
func (w *world) fills(workflow string) {
	sum := strings.Repeat("0", 64)
	events := w.histories[workflow][1].events
	done := events[len(events)-1].(protocol.WorkflowExecutionCompleted)
	done.Result = protocol.Payload{Blob: &protocol.Blob{Name: "sha256-" + sum, Size: 300000, SHA256: sum}}
	events[len(events)-1] = done
}

func TestCrimes(t *testing.T) {
	t.Parallel()
	for _, c := range crimes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if c.world != nil {
				c.world(w)
			}
			e := w.evidence(t)
			if c.evidence != nil {
				c.evidence(e)
			}
			violations, undecided := Judge(e)
			if len(violations) != 1 || violations[0].Invariant != c.want || !strings.Contains(violations[0].Seen, c.seen) || len(undecided) > 0 {
				t.Errorf("want %s: ...%s..., got", c.want, c.seen)
				for _, v := range violations {
					t.Error(v)
				}
			}
		})
	}
}

// What takes too long is said to be undecided, and not to be right.
func TestUndecided(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for n := range 30 { // any number of them may have happened, in any order
		w.calls = append(w.calls, Call{
			Client: 3 + n, Op: OpUpdate, Workflow: "register", Name: AddUpdate, Number: 1 << n, Answer: Unknown,
		})
	}
	w.call("u2").Got = []byte("-1")
	w.histories["register"][3].events[4] = answered("u2", "-1", 17, 16)
	e := w.evidence(t)
	e.Patience = time.Millisecond
	if violations, undecided := Judge(e); len(violations) > 0 || !slices.Equal(undecided, []string{"register"}) {
		t.Errorf("got %v, undecided %v", violations, undecided)
	}
}
