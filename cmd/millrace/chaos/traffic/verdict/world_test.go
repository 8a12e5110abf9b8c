package verdict

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// step is a record in the making.
type step struct {
	run    string
	at     time.Duration
	events []protocol.EventAttributes
}

// world is a load that went well, until a test plants something.
type world struct {
	histories map[string][]step
	calls     []Call
	notes     []Note
}

func started(workflow, run, typ string, change ...func(*protocol.WorkflowExecutionStarted)) protocol.WorkflowExecutionStarted {
	s := protocol.WorkflowExecutionStarted{WorkflowID: workflow, RunID: run, WorkflowType: typ, Queue: "q", RequestID: "start-" + run}
	for _, f := range change {
		f(&s)
	}
	return s
}

// task are the events of a workflow task that begins with the given event.
func task(first int64, then ...protocol.EventAttributes) []protocol.EventAttributes {
	return append([]protocol.EventAttributes{
		protocol.WorkflowTaskScheduled{Queue: "q"},
		protocol.WorkflowTaskStarted{ScheduledID: first},
		protocol.WorkflowTaskCompleted{ScheduledID: first, StartedID: first + 1},
	}, then...)
}

func with(before protocol.EventAttributes, events []protocol.EventAttributes) []protocol.EventAttributes {
	return append([]protocol.EventAttributes{before}, events...)
}

func value(json string) protocol.Payload { return protocol.Payload{Data: []byte(json)} }

func mailed(sender, number int) protocol.WorkflowExecutionSignaled {
	return protocol.WorkflowExecutionSignaled{
		Name: MailSignal, RequestID: fmt.Sprintf("mail-%d-%d", sender, number),
		Input: value(fmt.Sprintf(`{"sender":%d,"number":%d}`, sender, number)),
	}
}

func accepted(id, name string, by int64) protocol.WorkflowExecutionUpdateAccepted {
	return protocol.WorkflowExecutionUpdateAccepted{
		Request: protocol.UpdateCall{UpdateID: id, RequestID: "request-" + id, Name: name}, TaskCompletedID: by,
	}
}

func answered(id, result string, accepted, by int64) protocol.WorkflowExecutionUpdateCompleted {
	return protocol.WorkflowExecutionUpdateCompleted{UpdateID: id, AcceptedID: accepted, Result: value(result), TaskCompletedID: by}
}

// newWorld is one workflow of each sort: an activity, signals over two runs, a timer, a child, a cancellation, a register.
func newWorld() *world {
	w := &world{histories: map[string][]step{}}
	w.order()
	w.box()
	w.nap()
	w.parent()
	w.patient()
	w.register()
	return w
}

func (w *world) order() {
	w.histories["order"] = []step{
		{"o1", 0, with(started("order", "o1", "traffic.Chain"), task(2, protocol.ActivityTaskScheduled{ActivityID: "1", TaskCompletedID: 4}))},
		{"o1", time.Second, append([]protocol.EventAttributes{
			protocol.ActivityTaskStarted{ScheduledID: 5, Attempt: 2},
			protocol.ActivityTaskCompleted{ScheduledID: 5, StartedID: 6, Result: value(`"stamp"`)},
		}, task(8, protocol.WorkflowExecutionCompleted{Result: value(`"done"`), TaskCompletedID: 10})...)},
	}
	w.notes = append(w.notes,
		Note{Kind: Failed, Run: "o1", Activity: "1", Attempt: 1},
		Note{Kind: Did, Run: "o1", Activity: "1", Attempt: 2, Digest: value(`"stamp"`).Digest()},
	)
	w.calls = append(w.calls,
		Call{Op: OpStart, Workflow: "order", ID: "start-o1", Run: "o1", Ended: time.Millisecond, Answer: Acked},
		Call{
			Op: OpWait, Workflow: "order", Run: "o1", Ended: time.Second, Answer: Acked, Got: []byte(`"done"`),
			Status: protocol.StatusCompleted, Want: protocol.StatusCompleted, Least: time.Second,
		},
	)
}

func (w *world) box() {
	w.histories["box"] = []step{
		{"b1", 0, with(started("box", "b1", "traffic.Mailbox"), task(2))},
		{"b1", time.Second, append([]protocol.EventAttributes{mailed(0, 1), mailed(1, 1)},
			task(7, protocol.WorkflowExecutionContinuedAsNew{NewRunID: "b2", WorkflowType: "traffic.Mailbox", TaskCompletedID: 9})...)},
		{"b2", time.Second, with(started("box", "b2", "traffic.Mailbox", func(s *protocol.WorkflowExecutionStarted) {
			s.Initiator, s.FirstRunID, s.PreviousRunID, s.RequestID = protocol.InitiatorContinueAsNew, "b1", "b1", "start-b1"
		}), task(2))},
		{"b2", 2 * time.Second, with(mailed(0, 2),
			task(6, protocol.WorkflowExecutionCompleted{Result: value(`{"0":[1,2],"1":[1]}`), TaskCompletedID: 8}))},
	}
	send := func(sender, number int, begun time.Duration) Call {
		return Call{
			Client: sender, Op: OpSignal, Workflow: "box", Name: MailSignal, ID: fmt.Sprintf("mail-%d-%d", sender, number),
			Number: number, Begun: begun, Ended: begun + time.Millisecond, Answer: Acked,
		}
	}
	w.calls = append(w.calls, send(0, 1, time.Second), send(1, 1, time.Second), send(0, 2, 2*time.Second))
}

func (w *world) nap() {
	w.histories["nap"] = []step{
		{"n1", 0, with(started("nap", "n1", "traffic.Naps"),
			task(2, protocol.TimerStarted{TimerID: "1", FireAt: midnight.Add(time.Minute), TaskCompletedID: 4}))},
		{"n1", time.Minute, with(protocol.TimerFired{TimerID: "1", StartedID: 5},
			task(7, protocol.WorkflowExecutionCompleted{TaskCompletedID: 9}))},
	}
}

func (w *world) parent() {
	child := protocol.StartChildWorkflowExecutionInitiated{
		WorkflowID: "child", RunID: "c1", WorkflowType: "traffic.Child", Queue: "q", ParentClosePolicy: protocol.ParentCloseTerminate,
		TaskCompletedID: 4,
	}
	w.histories["parent"] = []step{
		{"p1", 0, with(started("parent", "p1", "traffic.Family"), task(2, child))},
		{"p1", time.Second, with(protocol.ChildWorkflowExecutionStarted{WorkflowID: "child", RunID: "c1", InitiatedID: 5}, task(7))},
		{"p1", 2 * time.Second, with(
			protocol.ChildWorkflowExecutionCompleted{WorkflowID: "child", RunID: "c1", InitiatedID: 5, StartedID: 6, Result: value(`1`)},
			task(11, protocol.WorkflowExecutionCompleted{TaskCompletedID: 13}))},
	}
	w.histories["child"] = []step{{"c1", time.Second, with(
		started("child", "c1", "traffic.Child", func(s *protocol.WorkflowExecutionStarted) {
			s.Parent = &protocol.Origin{Workflow: "parent", Run: "p1", Event: 5}
		}), task(2, protocol.WorkflowExecutionCompleted{Result: value(`1`), TaskCompletedID: 4}))}}
}

func (w *world) patient() {
	w.histories["patient"] = []step{
		{"q1", 0, with(started("patient", "q1", "traffic.Patient"), task(2))},
		{"q1", time.Second, with(protocol.WorkflowExecutionCancelRequested{RequestID: "cancel-1"},
			task(6, protocol.WorkflowExecutionCanceled{TaskCompletedID: 8}))},
	}
	w.calls = append(w.calls, Call{Op: OpCancel, Workflow: "patient", ID: "cancel-1", Answer: Acked})
}

// register is opened, gets 3, is read, gets 4 by a signal, and is closed.
func (w *world) register() {
	w.histories["register"] = []step{
		{"r1", 0, with(started("register", "r1", RegisterType), task(2))},
		{"r1", time.Second, task(5, accepted("u1", AddUpdate, 7), answered("u1", "3", 8, 7))},
		{"r1", 2 * time.Second, with(protocol.WorkflowExecutionSignaled{Name: PutSignal, RequestID: "put-1", Input: value("4")}, task(11))},
		{"r1", 3 * time.Second, task(14, accepted("u2", CloseUpdate, 16), answered("u2", "7", 17, 16),
			protocol.WorkflowExecutionCompleted{Result: value("7"), TaskCompletedID: 16})},
	}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	at := func(c Call, from, to int) Call {
		c.Workflow, c.Begun, c.Ended, c.Answer = "register", ms(from), ms(to), Acked
		return c
	}
	w.calls = append(w.calls,
		at(Call{Op: OpStart, Name: RegisterType, ID: "start-r1", Run: "r1"}, 0, 10),
		at(Call{Op: OpUpdate, Name: AddUpdate, ID: "u1", Number: 3, Run: "r1", Got: []byte("3")}, 20, 40),
		at(Call{Client: 1, Op: OpQuery, Name: ValueQuery, Got: []byte("0")}, 25, 35), // at the same time: either is right
		at(Call{Client: 1, Op: OpSignal, Name: PutSignal, ID: "put-1", Number: 4}, 50, 60),
		at(Call{Op: OpQuery, Name: ValueQuery, Got: []byte("3")}, 70, 80), // the code has not looked yet
		at(Call{Op: OpUpdate, Name: CloseUpdate, ID: "u2", Run: "r1", Got: []byte("7")}, 90, 99),
	)
}

// evidence is what is known of the world.
func (w *world) evidence(t *testing.T) *Evidence {
	t.Helper()
	e := &Evidence{
		Calls: w.calls, Notes: w.notes, Records: map[string][]protocol.Entry{}, Rows: map[string]protocol.Row{},
		Files: map[string]bool{}, Doomed: map[string]bool{}, Patience: time.Minute,
	}
	for id, steps := range w.histories {
		e.Records[id] = records(t, id, steps)
		h, _ := read(id, e.Records[id])
		for _, r := range h.Runs {
			e.Rows[r.ID] = protocol.Row{ID: id, Run: r.ID, Status: r.Status}
		}
	}
	return e
}

// records writes steps down as a node does.
func records(t *testing.T, workflow string, steps []step) []protocol.Entry {
	t.Helper()
	var entries []protocol.Entry
	last := map[string]*protocol.Record{}
	for i, s := range steps {
		at := midnight.Add(s.at)
		r := &protocol.Record{
			Version: protocol.RecordVersion, Workflow: workflow, Run: s.run, Step: 1, Nonce: fmt.Sprintf("%s-%d", workflow, i), Time: at,
		}
		first := int64(1)
		if before := last[s.run]; before != nil {
			r.Step, first = before.Step+1, before.Events[len(before.Events)-1].ID+1
		}
		if i > 0 {
			r.Prev = protocol.Digest(entries[i-1].Data)
		}
		for n, a := range s.events {
			r.Events = append(r.Events, protocol.Event{ID: first + int64(n), Time: at, Attributes: a})
		}
		last[s.run] = r
		data, err := protocol.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, protocol.Entry{Seq: uint64(i + 1), Time: at, Data: data})
	}
	return entries
}

// call is the first call of an ID, to be changed.
func (w *world) call(id string) *Call {
	i := slices.IndexFunc(w.calls, func(c Call) bool { return c.ID == id })
	return &w.calls[i]
}
