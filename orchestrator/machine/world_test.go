package machine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const workflowID = "order-1"

// midnight is when every story begins.
var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a node in small: an inbox, a history and a workflow, driven by a test. It checks, after every step, what must hold
// after every step.
type world struct {
	now     time.Time
	seq     uint64
	nonces  int
	waiting []protocol.Input // arrived, and not taken by a step
	held    []protocol.Input // taken, and not released: delivered again after a crash
	taken   []protocol.Input // by the step under way
	records []protocol.Entry
	w       *Workflow
	turn    *Turn
	task    *protocol.WorkflowTask           // what the last turn offered
	last    Effects                          // the effects of the last record
	retries []Retry                          // attempts that wait, in the timers stream
	out     map[string]protocol.ActivityTask // attempts that are on a queue or with a worker, by task ID
	armed   time.Time                        // the wake-up in the timers stream
	loaded  bool                             // the workflow was read from history, and no step was taken since
	ids     int
	resets  int

	given    []protocol.Foresight         // what workers were told with the attempts that they were handed
	foreseen *protocol.WorkflowTaskAnswer // the answer to the step under way, when a worker foresaw it
	reported []protocol.ActivityResult    // with steps that workers foresaw
	saw      map[string][]protocol.Event  // what workers showed to the code, by the nonces of the steps that they foresaw
	wrong    error                        // what a draft did that it must not

	started map[string]int // run IDs, by the number of their start
}

func newWorld() *world {
	return &world{now: midnight, w: New(workflowID), out: map[string]protocol.ActivityTask{}, started: map[string]int{}, saw: map[string][]protocol.Event{}}
}

// arrive puts an input into the inbox. A wake-up comes out of another stream and has no sequence.
func (w *world) arrive(body protocol.InputBody, request string) protocol.Input {
	in := protocol.Input{Time: w.now, Workflow: workflowID, Body: body, ID: request}
	if _, timer := body.(protocol.TimerInput); !timer {
		w.seq++
		in.Seq, in.Reply = w.seq, fmt.Sprintf("reply-%d", w.seq)
	}
	if r, ok := body.(protocol.ActivityResult); ok {
		in.Reply = "" // workers do not wait for it
		delete(w.out, protocol.TaskID(r.Run, r.ScheduledID, r.Number()))
	}
	if _, ok := body.(protocol.ActivityStarted); ok {
		in.Reply = ""
	}
	w.waiting = append(w.waiting, in)
	return in
}

func (w *world) start(request string, timeout time.Duration, more ...func(*protocol.StartInput)) {
	run := fmt.Sprintf("run-%d", len(w.started)+1)
	w.started[run] = len(w.started) + 1
	in := protocol.StartInput{
		Type: "shop.Order", Queue: "orders", Run: run, RequestID: request, RunTimeout: protocol.Duration(timeout),
	}
	for _, f := range more {
		f(&in)
	}
	w.arrive(in, request)
}

// pass lets time pass, and delivers what becomes due: the retries that wait, and the wake-up.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	var later []Retry
	for _, r := range w.retries {
		if r.At.After(w.now) {
			later = append(later, r)
			continue
		}
		w.arrive(protocol.TimerInput{Task: &r.Task}, "")
	}
	w.retries = later
	if at := w.armed; !at.IsZero() && !at.After(w.now) {
		w.arrive(protocol.TimerInput{}, "")
	}
}

func (w *world) nonce() string {
	w.nonces++
	return fmt.Sprintf("n%d", w.nonces)
}

// take is the next batch, as an actor takes it: a start begins a step of its own. The first that comes to a workflow which was read from
// history finds its last record's effects performed; what a recorded step has consumed has its retry armed again.
func (w *world) take(first bool) []protocol.Input {
	if next, ok := w.w.Successor(); ok && first {
		return []protocol.Input{next}
	}
	n := 0
	for n < len(w.waiting) && !(Splits(w.waiting[n]) && (n > 0 || !first)) {
		n++
	}
	if w.loaded {
		n = min(n, 1) // the inbox and the timers stream are read independently: whatever comes first comes alone
	}
	var fresh, again []protocol.Input
	for _, in := range w.waiting[:n] {
		if w.w.Consumed(in.Seq) && !w.w.Forgot(in) {
			again = append(again, in)
		} else {
			fresh = append(fresh, in)
		}
	}
	w.perform(nil, w.w.Retries(again, w.now))
	if len(fresh) > 0 {
		w.fetch(&fresh[0])
	}
	if w.loaded && n > 0 {
		w.perform(w.last.Activities, nil)
		w.recall(w.last.Recalls)
		w.armed, w.loaded = w.w.Wakeup(), false
	}
	w.waiting = slices.Clone(w.waiting[n:])
	w.held = append(w.held, fresh...)
	return fresh
}

// fetch gives a reset the history that it speaks of, as a node does.
func (w *world) fetch(in *protocol.Input) {
	if b, ok := in.Body.(Reset); ok && w.w.Run != nil {
		run := w.w.Run.ID()
		if made := w.w.Run.Start.Reset; made != nil && made.RequestID == b.RequestID {
			run = made.Run
		}
		b.Events = w.eventsOf(run)
		in.Body = b
	}
}

// begin begins a step with what waits. It reports whether a worker is wanted.
func (w *world) begin() bool {
	w.taken = w.take(true)
	if w.foresaw() {
		return true
	}
	w.turn, w.task = w.w.Begin(w.taken, w.nonce(), w.now), nil
	return w.offer()
}

// join takes what arrived meanwhile into the step that is under way, and reports whether that changed the step.
func (w *world) join() bool {
	more := w.take(false)
	w.taken = append(w.taken, more...)
	changed := w.turn.Add(more, w.nonce())
	if changed {
		w.foreseen = nil
		w.offer()
	}
	return changed
}

func (w *world) offer() bool {
	if !w.turn.Wants() {
		return false
	}
	w.task = w.turn.Task(w.now)
	return true
}

// commit stores what a step came to, as a node does: the record first, then what follows from it.
func (w *world) commit(r Ready) error {
	if err := w.store(r); err != nil {
		return err
	}
	w.perform(r.Resumed, r.Retries)
	if r.Record != nil {
		w.perform(w.last.Activities, nil)
		w.recall(w.last.Recalls)
		w.handOver()
	}
	w.turn = nil
	w.putBack(r.Left)
	if _, follows := w.w.Successor(); follows {
		return nil // what led here is released when the next run has begun
	}
	w.armed, w.held = w.w.Wakeup(), nil
	return nil
}

// putBack returns the last n inputs that a step took to the front of those that wait.
func (w *world) putBack(n int) {
	kept := len(w.held) - n
	w.waiting = slices.Concat(w.held[kept:], w.waiting)
	w.held = w.held[:kept]
}

// perform is what follows from a step: tasks go out, and attempts wait. An activity has one place to wait: the last to come takes it.
func (w *world) perform(tasks []protocol.ActivityTask, retries []Retry) {
	for _, task := range tasks {
		w.out[protocol.TaskID(task.Run, task.ScheduledID, task.Number())] = task
	}
	for _, r := range retries {
		w.retries = slices.DeleteFunc(w.retries, func(old Retry) bool {
			return old.Task.Run == r.Task.Run && old.Task.ScheduledID == r.Task.ScheduledID
		})
		w.retries = append(w.retries, r)
	}
}

// reports is a worker's report of an attempt of the latest run, which repeats what the task said of the attempts before.
func (w *world) reports(event int64, attempt int) protocol.ActivityResult {
	r := protocol.ActivityResult{Run: w.w.Run.ID(), ScheduledID: event, Attempt: attempt, Worker: "ada"}
	for _, task := range w.out {
		if task.Run == r.Run && task.ScheduledID == event && task.Attempt == attempt && task.Number() >= r.Number() {
			r.Forgiven, r.Reset = task.Forgiven, task.Reset
		}
	}
	return r
}

// lose is the wake-up of an attempt that was handed to a worker which turns out not to have it any more.
func (w *world) lose(event int64) {
	for id, task := range w.out {
		if task.Run == w.w.Run.ID() && task.ScheduledID == event && task.HandedTo != "" {
			delete(w.out, id)
			w.arrive(protocol.TimerInput{Task: &task}, "")
		}
	}
}

// recall brings attempts back, as a node does, in a world in which no worker holds on to any, and what may come too late does.
func (w *world) recall(recalls []Recall) {
	for _, c := range recalls {
		if c.Late {
			continue
		}
		waits := slices.IndexFunc(w.retries, func(r Retry) bool { return r.Task.Run == c.Run && r.Task.ScheduledID == c.ScheduledID })
		at := w.now
		if c.Hold {
			at = Held(w.now)
		}
		if waits >= 0 {
			if !c.Hold {
				w.retries[waits].At = w.now
			}
			continue
		}
		var lies *protocol.ActivityTask
		for _, task := range w.out {
			lost := c.Lost != nil && c.Lost.Number() == task.Number()
			if task.Run == c.Run && task.ScheduledID == c.ScheduledID && !lost && task.HandedTo == "" {
				lies = &task
			}
		}
		var next Retry
		switch {
		case lies != nil && !c.Stay:
			delete(w.out, protocol.TaskID(lies.Run, lies.ScheduledID, lies.Number()))
			next = Retry{Task: Recalled(*lies), At: at}
		case lies == nil && c.Lost != nil:
			next = Retry{Task: Recalled(*c.Lost), At: at}
		default:
			continue
		}
		w.perform(nil, []Retry{next})
		w.w.Note(Ready{Retries: []Retry{next}})
	}
}

// store stores the record, and stops there: a node that dies now has released nothing.
func (w *world) store(r Ready) error {
	if r.Record == nil {
		w.w.Note(r)
		return nil
	}
	draft := snapshot(w.turn.run) // now: it reads through to the run that the record is about to change
	draft["tail"] = text(tailOf(w.turn.run, r.Record.Events))
	data, err := protocol.Marshal(r.Record)
	if err != nil {
		return err
	}
	var read protocol.Record
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	read.Size = len(data)
	seq := uint64(len(w.records) + 1)
	w.records = append(w.records, protocol.Entry{Seq: seq, Data: data})
	if err := w.w.Apply(seq, protocol.Digest(data), &read); err != nil {
		return fmt.Errorf("the machine does not take its own record: %w", err)
	}
	w.w.Note(r)
	w.last = w.w.Effects(&read)
	return w.check(draft)
}

// check holds what must be true after every record: what was drafted is what is folded, and whoever reads the history finds
// the same state and derives the same effects.
func (w *world) check(draft map[string]any) error {
	if f := snapshot(w.w.Run); !reflect.DeepEqual(draft, f) {
		return fmt.Errorf("the draft is\n%+v\nand the record folds to\n%+v", draft, f)
	}
	again, fx, err := w.fold()
	if err != nil {
		return err
	}
	if a, f := snapshot(again.Run), snapshot(w.w.Run); !reflect.DeepEqual(a, f) {
		return fmt.Errorf("history folds to\n%+v\nand the node has\n%+v", a, f)
	}
	if again.Run.Size != w.w.Run.Size || again.Run.Size == 0 {
		return fmt.Errorf("history has %d bytes, and the node counted %d", again.Run.Size, w.w.Run.Size)
	}
	if again.LastInput != w.w.LastInput {
		return fmt.Errorf("history says that the inputs up to %d are consumed, and the node that those up to %d are", again.LastInput, w.w.LastInput)
	}
	if !reflect.DeepEqual(text(fx), text(w.last)) {
		return fmt.Errorf("history gives the effects\n%s\nand the node had\n%s", text(fx), text(w.last))
	}
	return nil
}

// eventsOf are those of a run.
func (w *world) eventsOf(run string) []protocol.Event {
	var events []protocol.Event
	for _, e := range w.records {
		var record protocol.Record
		if err := json.Unmarshal(e.Data, &record); err == nil && record.Run == run {
			events = append(events, record.Events...)
		}
	}
	return events
}

// fold reads the latest run from the records, as a node does that never saw it. The runs before are not read.
func (w *world) fold() (*Workflow, Effects, error) {
	fresh := New(workflowID)
	var record protocol.Record
	if err := json.Unmarshal(w.records[len(w.records)-1].Data, &record); err != nil {
		return nil, Effects{}, err
	}
	first := len(w.records) - 1
	if record.First != 0 {
		first = int(record.First) - 1
	}
	for _, e := range w.records[first:] {
		record = protocol.Record{}
		if err := json.Unmarshal(e.Data, &record); err != nil {
			return nil, Effects{}, err
		}
		record.Size = len(e.Data)
		if err := fresh.Apply(e.Seq, protocol.Digest(e.Data), &record); err != nil {
			return nil, Effects{}, err
		}
	}
	fx := fresh.Effects(&record)
	return fresh, fx, nil
}

// crash ends the node and lets another one read the history. What was not released is delivered again.
func (w *world) crash() error {
	w.waiting = slices.Concat(w.held, w.waiting)
	w.held, w.turn, w.task, w.foreseen, w.loaded = nil, nil, nil, nil, true
	if !w.armed.IsZero() && !w.armed.After(w.now) {
		w.waiting = append(w.waiting, protocol.Input{Time: w.now, Workflow: workflowID, Body: protocol.TimerInput{}})
	}
	if len(w.records) == 0 {
		w.w = New(workflowID)
		return nil
	}
	fresh, fx, err := w.fold()
	w.w, w.last = fresh, fx
	return err
}

// tailOf is the tail of a run once a record's events have followed, told event by event.
func tailOf(r *Run, events []protocol.Event) []protocol.Event {
	if !r.Open() {
		return nil
	}
	tail := slices.Clone(r.Tail)
	for _, e := range events {
		if _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); ok {
			tail = nil
		}
		tail = append(tail, e)
	}
	return tail
}

// snapshot is everything of a run that history knows, in a form that can be compared.
func snapshot(r *Run) map[string]any {
	if r == nil {
		return nil
	}
	activities, timers := map[int64]Activity{}, map[int64]Timer{}
	r.activities.each(func(id int64, a Activity) {
		a.Attempt, a.Forgiven, a.LastFailure, a.NextAttempt, a.held = 0, 0, nil, time.Time{}, false
		a.heard = time.Time{} // known only to the node that saw them
		activities[id] = a
	})
	r.timers.each(func(id int64, t Timer) { timers[id] = t })
	children, externals := map[int64]Child{}, map[int64]External{}
	r.children.each(func(id int64, c Child) { children[id] = c })
	r.externals.each(func(id int64, x External) { externals[id] = x })
	updates, openUpdates := map[string]Update{}, map[string]bool{}
	r.updates.each(func(id string, u Update) { updates[id] = u })
	r.openUpdates.each(func(id string, _ struct{}) { openUpdates[id] = true })
	requests := map[string]receipt{}
	r.requests.each(func(q string, where receipt) { requests[q] = where })
	return map[string]any{
		"row": text(r.Row()), "outcome": text(r.Outcome), "last": r.LastEvent, "time": r.LastTime.String(),
		"cancel": r.CancelRequested, "worker": r.Worker, "waits": r.TaskScheduled, "dirty": r.dirty, "admitted": r.admitted,
		"failure": text(r.TaskFailure), "tail": text(r.Tail), "activities": text(activities), "timers": text(timers),
		"children": text(children), "externals": text(externals),
		"paused": text(r.paused), "copied": r.copied, "requests": fmt.Sprint(requests), "updates": text(updates), "open": openUpdates, "not before": r.notBefore.String(), "next": text(r.next),
	}
}

func text(v any) string {
	b, err := protocol.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
