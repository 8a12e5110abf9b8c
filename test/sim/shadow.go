package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// shadow watches over what must always hold. It folds every record when it is stored, with the machine, and so knows of each what must
// follow from it, whoever wrote it:
//
//   - histories are dense and legal, their hash chain holds, and no workflow ID has two open runs: the machine refuses anything else
//   - a request that was answered is part of history, once, and one that was refused is not
//   - inputs are consumed in the order of the inbox, and leave it only when what follows from them has happened
//   - no timer fires early, none late once nothing goes wrong any more, no activity ends that nobody began
//   - a run that completes has received every signal that it got
//   - an attempt is not put on its queue twice
//   - parents and children tell the same story
//   - no worker takes a step for a run's last one that is not
//
// That everything comes to its end, and that nothing is left on any stream, is for [world.over].
type shadow struct {
	w         *world
	workflows map[string]*machine.Workflow
	ended     map[string]*protocol.Outcome // by run
	starts    map[string]int               // attempts, by activity
	effects   map[string]bool              // that have happened
	debts     map[place][]string           // what must have happened before an input is released
	requests  map[string]*asked
	queued    map[string]time.Time // attempts, when they were put on their queue
	timers    map[string]time.Time // by run and event
	signals   map[string]int       // by run
	kids      []kid
	runRows   map[string]row
	endedAt   map[string]time.Time
	answered  map[string]bool // reply subjects
	saw       []func()        // what nodes have done since they came to rest
}

// place is where an input lies.
type place struct {
	shard int
	seq   uint64
}

// asked is a request of a client.
type asked struct {
	workflow string
	body     protocol.InputBody
	copies   int // that were sent
	stored   bool
	recorded int
	refused  error
	at       time.Time // when it was first recorded
}

// row is what list shows of a run, and who stored that.
type row struct {
	by *node
	protocol.Row
}

// kid is what a parent says of a child's end.
type kid struct {
	parent string
	protocol.ChildEnd
}

func newShadow(w *world) *shadow {
	return &shadow{
		w: w, workflows: map[string]*machine.Workflow{}, ended: map[string]*protocol.Outcome{}, starts: map[string]int{},
		effects: map[string]bool{}, debts: map[place][]string{}, requests: map[string]*asked{}, queued: map[string]time.Time{},
		timers: map[string]time.Time{}, signals: map[string]int{}, runRows: map[string]row{}, endedAt: map[string]time.Time{},
		answered: map[string]bool{},
	}
}

// Effects are known by name.

func attemptOf(run string, scheduled int64) string {
	return fmt.Sprint("attempt of ", run, " ", scheduled)
}

func callOf(run string, scheduled int64) string { return fmt.Sprint("call for ", run, " ", scheduled) }
func tellOf(id string) string                   { return "word " + id }
func runOf(run string) string                   { return "run " + run }

func (s *shadow) does(effect string) { s.effects[effect] = true }

func (s *shadow) runs() int { return len(s.signals) }

// open counts the workflows whose last run has not ended, or is to be followed by another.
func (s *shadow) open() (n int) {
	for _, wf := range s.workflows {
		if _, follows := wf.Successor(); follows || wf.Run.Open() {
			n++
		}
	}
	return n
}

// told sees a message that was stored in an inbox.
func (s *shadow) told(m message) { s.does(m.does) }

// task sees a message that was stored in the task stream.
func (s *shadow) task(m message) {
	s.does(m.does)
	if m.does[0] != 'a' {
		return
	}
	var task protocol.ActivityTask
	if err := protocol.Unmarshal(m.data, &task); err != nil {
		s.w.failf("a task cannot be read: %v", err)
		return
	}
	key := attemptKey(task.Run, task.ScheduledID, task.Number())
	if before, again := s.queued[key]; again && m.time.Sub(before) < s.w.tasks.window {
		s.w.failf("attempt %d of %s event %d was put on its queue twice", task.Number(), task.Workflow, task.ScheduledID)
	}
	s.queued[key] = m.time
}

// record sees a record that was stored.
func (s *shadow) record(m message) {
	data, err := protocol.Unpack(m.data)
	var r protocol.Record
	if err == nil {
		err = protocol.Unmarshal(data, &r)
	}
	if err != nil {
		s.w.failf("a record cannot be read: %v", err)
		return
	}
	r.Size = len(data)
	look := s.goesOn(s.workflows[r.Workflow])
	defer look()
	wf := s.workflows[r.Workflow]
	if wf == nil {
		wf = machine.New(r.Workflow)
		s.workflows[r.Workflow] = wf
	}
	for _, in := range r.Inputs {
		if in <= wf.LastInput {
			s.w.failf("%s consumes input %d after %d", r.Workflow, in, wf.LastInput)
		}
	}
	if err := wf.Apply(m.seq, protocol.Digest(m.data), &r); err != nil {
		s.w.failf("the history of %s is broken at %d: %v", r.Workflow, m.seq, err)
		return
	}
	s.does(runOf(r.Run))
	for _, e := range r.Events {
		s.w.notef("  %s %s %d %T", r.Workflow, e.Time.Format("05.000"), e.ID, e.Attributes)
		s.event(&r, e)
	}
	s.owe(wf, &r)
}

// goesOn looks, once a record is folded into a workflow, whether the worker that kept its run takes the step before for the last one.
// Another worker may have taken that step as well, in vain: it is not named by the record, and nobody believes it.
func (s *shadow) goesOn(wf *machine.Workflow) (look func()) {
	if wf == nil || !wf.Run.Open() || wf.Run.Base == "" {
		return func() {}
	}
	run, base, keeper := wf.Run.ID(), wf.Run.Base, wf.Run.Worker
	return func() {
		if wf.Run.ID() == run && wf.Run.Open() && wf.Run.Base == base {
			return
		}
		for _, c := range s.w.workers {
			if k := c.cache[run]; c.name == keeper && k != nil && k.heard && k.nonce == base {
				s.w.failf("%s was not told that %s has gone on, and would answer queries as of step %s", c.name, wf.ID, base)
			}
		}
	}
}

// owe notes what must happen before the inputs of a record are released.
func (s *shadow) owe(wf *machine.Workflow, r *protocol.Record) {
	if len(r.Inputs) == 0 {
		return
	}
	fx := wf.Effects(r)
	var debts []string
	for _, t := range fx.Activities {
		debts = append(debts, attemptOf(t.Run, t.ScheduledID))
	}
	for _, t := range fx.Tells {
		debts = append(debts, tellOf(t.ID))
	}
	if fx.Call != nil {
		debts = append(debts, callOf(fx.Call.Task.Run, fx.Call.Task.ScheduledID))
	}
	if wf.Run.Outcome != nil && wf.Run.Outcome.Next != "" {
		debts = append(debts, runOf(wf.Run.Outcome.Next))
	}
	shard := protocol.Shard(r.Workflow, s.w.shards)
	led := map[string]uint64{} // of what was told twice, the last: one before it was refused, or else this one would be passed over
	for _, in := range r.Inputs {
		if m, ok := s.w.inbox[shard].next("", in); ok && m.seq == in && !s.answered[reply(m)] && leads(m, r) {
			id, _, _ := strings.Cut(protocol.Delivery{Header: m.header}.Get(protocol.HeaderMsgID), "~")
			led[id] = in
		}
	}
	for _, in := range led {
		s.debts[place{shard, in}] = debts
	}
}

// reply is the subject that wants to know what became of an input.
func reply(m message) string { return protocol.Delivery{Header: m.header}.Get(protocol.HeaderReply) }

// leads reports whether an input leads to a record. A record also lists those that were decided before, without one.
func leads(m message, r *protocol.Record) bool {
	kind, _, err := ns.ParseInput(m.subject)
	if err != nil {
		return false
	}
	body, err := protocol.DecodeInput(kind, m.data)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(r.Events, func(e protocol.Event) bool {
		switch a := e.Attributes.(type) {
		case protocol.WorkflowExecutionStarted:
			b, ok := body.(protocol.StartInput)
			return ok && b.RequestID == a.RequestID
		case protocol.WorkflowExecutionSignaled:
			b, ok := body.(protocol.SignalInput)
			return ok && b.RequestID == a.RequestID
		case protocol.WorkflowExecutionCancelRequested:
			b, ok := body.(protocol.CancelInput)
			return ok && b.RequestID == a.RequestID
		case protocol.WorkflowExecutionUpdateAccepted:
			b, ok := body.(protocol.UpdateInput)
			return ok && b.RequestID == a.Request.RequestID
		case protocol.ActivityTaskStarted:
			b, ok := body.(protocol.ActivityResult)
			return ok && b.Run == r.Run && b.ScheduledID == a.ScheduledID && b.Attempt == a.Attempt
		case protocol.ChildWorkflowExecutionStarted:
			b, ok := body.(protocol.AnswerInput)
			return ok && b.Run == r.Run && b.Event == a.InitiatedID
		}
		end, ended := protocol.ChildEnded(e.Attributes)
		b, ok := body.(protocol.ChildInput)
		return ended && ok && b.Run == r.Run && b.InitiatedID == end.InitiatedID
	})
}

// event sees an event that was recorded.
func (s *shadow) event(r *protocol.Record, e protocol.Event) {
	key := attemptOf(r.Run, e.ID)
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionStarted:
		s.signals[r.Run] = carried(a.CarriedSignals)
		if a.PreviousRunID == "" {
			s.recorded(a.RequestID, r)
		}
	case protocol.WorkflowExecutionSignaled:
		s.signals[r.Run]++
		s.recorded(a.RequestID, r)
	case protocol.WorkflowExecutionCancelRequested:
		s.recorded(a.RequestID, r)
	case protocol.WorkflowExecutionUpdateAccepted:
		s.recorded(a.Request.RequestID, r)
	case protocol.TimerStarted:
		s.timers[key] = a.FireAt
	case protocol.TimerFired:
		at := s.timers[attemptOf(r.Run, a.StartedID)]
		if e.Time.Before(at) || time.Now().Before(at) {
			s.w.failf("timer %d of %s fired %s early", a.StartedID, r.Workflow, at.Sub(e.Time))
		}
		if late := time.Since(at); late > tooLate && at.Sub(s.w.began) > troubled+calm {
			s.w.failf("timer %d of %s fired %s late", a.StartedID, r.Workflow, late)
		}
	case protocol.ActivityTaskCompleted:
		if s.starts[attemptOf(r.Run, a.ScheduledID)] == 0 {
			s.w.failf("activity %d of %s has completed and was not begun", a.ScheduledID, r.Workflow)
		}
	case protocol.WorkflowExecutionCompleted:
		var out end
		if err := a.Result.Decode(&out); err != nil || out.Signals != s.signals[r.Run] {
			s.w.failf("%s completed with %d signals, and got %d", r.Workflow, out.Signals, s.signals[r.Run])
		}
	}
	if end, ok := protocol.ChildEnded(e.Attributes); ok {
		s.kids = append(s.kids, kid{r.Workflow, end})
	}
	if protocol.StatusAfter(e.Attributes).Closed() {
		s.ended[r.Run], s.endedAt[r.Run] = s.workflows[r.Workflow].Run.Outcome, time.Now()
	}
}

// calm is how long it may take after the last fault until everything is in time again, and tooLate when it is not.
const (
	calm    = 30 * time.Second
	tooLate = 10 * time.Second
)

func carried(p protocol.Payload) int {
	var all []protocol.CarriedSignal
	if len(p.Data) > 0 && p.Decode(&all) != nil {
		return -1
	}
	return len(all)
}

// recorded notes that a request became part of history.
func (s *shadow) recorded(id string, r *protocol.Record) {
	q := s.requests[id]
	if q == nil {
		return // of a workflow
	}
	q.recorded++
	if q.recorded == 1 {
		q.at = time.Now()
	}
	if q.recorded > 1 && time.Since(q.at) < time.Minute { // for so long it is known again by the runs that follow
		s.w.failf("request %s to %s was taken twice", id, r.Workflow)
	}
}

// began sees an attempt begin.
func (s *shadow) began(t *protocol.ActivityTask) { s.starts[attemptOf(t.Run, t.ScheduledID)]++ }

// asked sees what a client wants.
func (s *shadow) asked(workflow, id string, body protocol.InputBody) {
	s.requests[id] = &asked{workflow: workflow, body: body}
}

// sent sees a message of a client leave. Of two copies one can be refused, and the other taken later, when things have changed; and so can
// one that lies in an inbox: a node may refuse it, and die before it releases it.
func (s *shadow) sent(id string, stored bool) {
	name, _, _ := strings.Cut(id, ".") // the second copy in an inbox has another ID
	if q := s.requests[name]; q != nil {
		q.copies++
		q.stored = q.stored || stored
	}
}

// What follows is heard from the nodes' goroutines, and counts when they have come to rest.

// replied sees a node answer.
func (s *shadow) replied(subject string) { s.later(func() { s.answered[subject] = true }) }

// handed sees a node hand attempts over.
func (s *shadow) handed(tasks []protocol.ActivityTask) {
	s.later(func() {
		for _, t := range tasks {
			s.does(attemptOf(t.Run, t.ScheduledID))
		}
	})
}

func (s *shadow) later(f func()) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.saw = append(s.saw, f)
}

// collect takes note of what nodes did.
func (s *shadow) collect() {
	s.w.mu.Lock()
	saw := s.saw
	s.saw = nil
	s.w.mu.Unlock()
	for _, f := range saw {
		f()
	}
}

// heard sees a client hear what became of its request.
func (s *shadow) heard(workflow, id string, v protocol.Verdict, err error) {
	q := s.requests[id]
	if err != nil {
		if err != errGone { //nolint:errorlint // it is that very one
			q.refused = err
		}
		return
	}
	switch b := q.body.(type) {
	case protocol.StartInput:
		if _, known := s.signals[v.Run]; !known || q.recorded == 0 && !v.Existing {
			s.w.failf("the start %s of %s was acknowledged, and is not recorded", id, workflow)
		}
	case protocol.SignalInput:
		if q.recorded == 0 {
			s.w.failf("the signal %s to %s was acknowledged, and is not recorded", id, workflow)
		}
	case protocol.UpdateInput:
		if q.recorded == 0 && v.Update != nil && (v.Update.Stage == protocol.UpdateAccepted || v.Update.Stage == protocol.UpdateCompleted) {
			s.w.failf("the update %s of %s was acknowledged, and is not recorded", b.UpdateID, workflow)
		}
	case protocol.TerminateInput:
		if s.ended[v.Run] == nil {
			s.w.failf("the end of %s was acknowledged, and its run is open", workflow)
		}
	}
}

// released sees inputs leave their inbox.
func (s *shadow) released(n *node, gone []message) {
	for _, m := range gone {
		_, workflow, err := ns.ParseInput(m.subject)
		if err != nil {
			s.w.failf("an input has no workflow: %v", err)
			return
		}
		p := place{n.shard, m.seq}
		wf := s.workflows[workflow]
		if wf == nil || wf.LastInput < m.seq {
			if reply(m) != "" && !s.answered[reply(m)] {
				s.w.failf("input %d of %s was released, and neither recorded nor answered", m.seq, workflow)
			}
			continue
		}
		for _, debt := range s.debts[p] {
			if !s.effects[debt] {
				s.w.failf("input %d of %s was released before an effect: %s", m.seq, workflow, debt)
			}
		}
	}
}

// rows sees a node store what list shows. A row that is out of date by less than a second is let pass as if it had come in time: so soon no
// other node takes a shard, except in here.
func (s *shadow) rows(n *node, rows []protocol.Row) {
	for _, r := range rows {
		if o := s.ended[r.Run]; o != nil && r.Status != o.Status && time.Since(s.endedAt[r.Run]) < time.Second {
			continue
		}
		s.runRows[r.Run] = row{n, r}
	}
}

// finish looks at what there is when everything has come to its end.
func (s *shadow) finish() {
	for _, id := range slices.Sorted(maps.Keys(s.requests)) {
		if q := s.requests[id]; q.refused != nil && q.recorded > 0 && q.copies == 1 && !q.stored {
			s.w.failf("request %s to %s was refused (%v), and recorded", id, q.workflow, q.refused)
		}
	}
	for _, k := range s.kids {
		o := s.ended[k.Run]
		if o == nil || o.Status != k.How {
			s.w.failf("%s says that its child's run %s ended as %s, which is not so", k.parent, k.Run, k.How)
		}
	}
}

// outdated is a run whose row does not say how it ended; empty when there is none. A node that was late looks afterwards whether it was too
// late, unless it dies before.
func (s *shadow) outdated() string {
	for _, run := range slices.Sorted(maps.Keys(s.ended)) {
		if r := s.runRows[run]; r.Status != s.ended[run].Status && (r.by == nil || !r.by.dead) {
			return run
		}
	}
	return ""
}
