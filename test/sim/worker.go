package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// crew is a worker. Its workflow code runs in the real replay; around it is what the files of package worker do, without goroutines:
// workflow_task.go and cache.go (here step), execution.go and activity_task.go (begin), handover.go (takeOver, stillHas), foresight.go
// (foresee) and calls.go (answerCall).
type crew struct {
	w    *world
	name string
	dead bool
	party

	cache   map[string]*kept // by run
	running []*attempt
	refused map[string]bool      // attempts that were handed over and of which it was said that they are not here
	taken   map[string]time.Time // the same of attempts that are taken off the queue, and when
	steps   int
	busy    time.Time // until then
}

// kept is a run as a step left it.
type kept struct {
	run   *replay.Run
	nonce string
	heard bool // the worker would have been told of a later step
}

// attempt is an attempt of an activity that runs.
type attempt struct {
	task   protocol.ActivityTask
	number int // under which it lies in the task stream
	handed bool
	next   *protocol.Foresight
	came   time.Time
	ends   *event
	over   func()
}

// hire adds a worker.
func (w *world) hire() {
	w.hired++
	name := fmt.Sprint("w", w.hired)
	w.workers = append(w.workers, &crew{
		w: w, name: name, party: party{w: w, name: name}, cache: map[string]*kept{}, refused: map[string]bool{},
		taken: map[string]time.Time{},
	})
}

// fire lets a worker die, and another one begin later. What it was at is missed by the broker, or by the node that handed it over.
func (c *crew) fire() {
	if c.dead {
		return
	}
	c.dead, c.party.dead = true, true
	c.w.workers = slices.DeleteFunc(c.w.workers, func(x *crew) bool { return x == c })
	for _, a := range c.running {
		c.w.drop(a.ends)
	}
	for _, seq := range slices.Sorted(maps.Keys(c.w.leases)) {
		l := c.w.leases[seq]
		if l.by == c {
			c.w.in(c.w.ackWait(), "the broker misses "+c.name, func() { l.by = nil })
		}
	}
	c.forget()
	c.w.in(c.w.some(10*time.Second), "a worker begins", c.w.hire)
}

// ackWait is how long the broker waits for a sign of life.
func (w *world) ackWait() time.Duration { return 5 * time.Second }

// forget empties the cache.
func (c *crew) forget() {
	for _, k := range c.cache {
		k.run.Close()
	}
	c.cache = map[string]*kept{}
}

// step takes a step of a workflow.
func (c *crew) step(task *protocol.WorkflowTask) *protocol.WorkflowTaskAnswer {
	if c.w.bad.strikes(workerBusy, c.name) {
		if c.w.rng.IntN(2) == 1 {
			c.busy = time.Now().Add(c.w.some(4 * time.Second)) // others take all its steps: a call may be answered in vain, twice
		}
		c.forget()
	}
	if time.Now().Before(c.busy) {
		return &protocol.WorkflowTaskAnswer{Worker: c.name, Refusal: protocol.RefusalBusy}
	}
	base := cmp.Or(task.Base, task.Last)
	k := c.cache[task.Run]
	delete(c.cache, task.Run)
	if k != nil && (base == "" || k.nonce != base || k.run.LastEvent() < task.After || !k.catchUp(task)) {
		k.run.Close()
		k = nil
	}
	if k == nil {
		if task.Base != "" {
			return &protocol.WorkflowTaskAnswer{Worker: c.name, Refusal: protocol.RefusalCacheMiss}
		}
		k = &kept{run: newRun()}
	}
	events := task.Events
	for len(events) > 0 && events[0].ID <= k.run.LastEvent() {
		events = events[1:]
	}
	return c.advance(task, k, events)
}

// overtake is as in worker/cache.go.
func (c *crew) overtake(run, unless string) {
	if k := c.cache[run]; k != nil && k.nonce != unless {
		k.run.Close()
		delete(c.cache, run)
	}
}

// catchUp is as in worker/workflow_task.go.
func (k *kept) catchUp(task *protocol.WorkflowTask) bool {
	return k.run.LastEvent() >= task.Recorded || k.run.Recorded(task.After+1, task.Recorded)
}

// advance has the run's code take the step, and keeps the run.
func (c *crew) advance(task *protocol.WorkflowTask, k *kept, events []protocol.Event) *protocol.WorkflowTaskAnswer {
	answer := k.run.Step(events, task.Updates...)
	if answer.Failure != nil {
		k.run.Close()
		c.w.failf("the code of %s failed: %s", task.Workflow, answer.Failure.Message)
		return &protocol.WorkflowTaskAnswer{Worker: c.name, Cause: answer.Cause, Failure: answer.Failure}
	}
	k.nonce, k.heard = task.Nonce, true
	if answer.Unchanged {
		k.nonce, k.heard = cmp.Or(task.Base, task.Last), false
	}
	if k.run.Closed() || k.nonce == "" {
		k.run.Close()
	} else {
		c.cache[task.Run] = k
	}
	return &protocol.WorkflowTaskAnswer{
		Worker: c.name, SDK: "sim", Commands: answer.Commands, Rejections: answer.Rejections, Takes: c.takes(answer.Commands),
		Keeps: true,
	}
}

// takes promises to take the first activities of a step.
func (c *crew) takes(commands []protocol.Command) (takes []string) {
	for _, cmd := range commands {
		if a, ok := cmd.Attributes.(protocol.ScheduleActivityTask); ok && len(takes) < 4 && c.w.rng.IntN(3) > 0 {
			takes = append(takes, a.ActivityID)
		}
	}
	return takes
}

func attemptKey(run string, scheduled int64, number int) string {
	return fmt.Sprintf("%s/%d/%d", run, scheduled, number)
}

// takeOver begins the attempts that the worker is handed.
func (c *crew) takeOver(h protocol.HandOver) {
	for _, task := range h.Tasks {
		if c.holds(task.Run, task.ScheduledID) != nil || c.refused[attemptKey(task.Run, task.ScheduledID, task.Number())] {
			continue
		}
		a := &attempt{task: task, number: task.Number(), handed: true, came: time.Now(), over: func() {}}
		if len(h.Tasks) == 1 {
			a.next = h.Next
		}
		c.begin(a)
	}
}

// holds is the attempt of an activity that was handed over; nil when there is none.
func (c *crew) holds(run string, scheduled int64) *attempt {
	for _, a := range c.running {
		if a.handed && a.task.Run == run && a.task.ScheduledID == scheduled {
			return a
		}
	}
	return nil
}

func (c *crew) stillHas(task protocol.ActivityTask) bool {
	if a := c.holds(task.Run, task.ScheduledID); a != nil && a.number == task.Number() {
		return true
	}
	c.refused[attemptKey(task.Run, task.ScheduledID, task.Number())] = true
	return false
}

// recalled says which of some attempts run here. None of the others will be begun.
func (c *crew) recalled(run string, attempts []protocol.ActivityAttempt, why protocol.StopReason) (held []protocol.ActivityAttempt) {
	for _, want := range attempts {
		i := slices.IndexFunc(c.running, func(a *attempt) bool {
			return a.task.Run == run && a.task.ScheduledID == want.ScheduledID && a.number == want.Number
		})
		if i < 0 {
			c.taken[attemptKey(run, want.ScheduledID, want.Number)] = time.Now()
			continue
		}
		held = append(held, want)
		if why == protocol.StopCanceled {
			c.stop(c.running[i])
		}
	}
	return held
}

// canceled stops the activities that a cancellation speaks of.
func (c *crew) canceled(x protocol.CancelActivity) {
	for _, a := range slices.Clone(c.running) {
		if a.task.Run == x.Run && (x.ScheduledID == 0 || x.ScheduledID == a.task.ScheduledID) && x.Why == "" {
			c.stop(a)
		}
	}
}

// stop has an attempt come to its end early.
func (c *crew) stop(a *attempt) {
	if c.w.rng.IntN(2) == 0 {
		return // its code does not care
	}
	c.w.drop(a.ends)
	a.ends = c.w.in(1, "a canceled attempt ends", func() { c.end(a, protocol.CanceledError("the activity was canceled")) })
}

// begin runs an attempt.
func (c *crew) begin(a *attempt) {
	c.w.shadow.began(&a.task)
	c.running = append(c.running, a)
	var in work
	if err := a.task.Input.Decode(&in); err != nil {
		c.w.failf("the input of an activity cannot be read: %v", err)
		return
	}
	took := time.Duration(in.MS)*time.Millisecond + c.w.some(100*time.Millisecond)
	what := fmt.Sprintf("%s ends %s event %d attempt %d", c.name, a.task.Workflow, a.task.ScheduledID, a.task.Attempt)
	a.ends = c.w.in(took, what, func() {
		if c.w.bad.strikes(workerCrash, c.name) {
			c.fire()
			return
		}
		var f *protocol.Failure
		if a.task.Attempt <= in.Fails {
			f = protocol.NewFailure(errors.New("not yet"))
		}
		c.end(a, f)
	})
}

// end reports how an attempt ended, until the workflow knows.
func (c *crew) end(a *attempt, f *protocol.Failure) {
	t := &a.task
	r := protocol.ActivityResult{
		Run: t.Run, ScheduledID: t.ScheduledID, Attempt: t.Attempt, Forgiven: t.Forgiven, Reset: t.Reset, Scheduled: t.ScheduledTime,
		Worker: c.name, Started: a.came.UTC(), LastFailure: t.LastFailure, Failure: f,
	}
	if f == nil {
		var in work
		_ = t.Input.Decode(&in)
		r.Result = encode(in.Token)
		r.Next = c.foresee(a, &r)
	}
	c.report(t.Workflow, r, func() {
		c.running = slices.DeleteFunc(c.running, func(x *attempt) bool { return x == a })
		a.over()
	})
}

// foresee takes the step that follows from the only activity of a run; see worker/foresight.go.
func (c *crew) foresee(a *attempt, r *protocol.ActivityResult) *protocol.ForeseenStep {
	k := c.cache[a.task.Run]
	f := a.next
	if f == nil || time.Since(a.came) > time.Second || k == nil || k.nonce != f.Base || !k.run.Recorded(f.CompletedID, f.LastID) {
		return nil
	}
	delete(c.cache, a.task.Run)
	at, id := f.Time.Add(time.Since(a.came)), f.LastID+1
	var events []protocol.Event
	for i, x := range []protocol.EventAttributes{
		protocol.ActivityTaskStarted{
			ScheduledID: r.ScheduledID, Attempt: r.Attempt, Forgiven: r.Forgiven, Identity: r.Worker, LastFailure: r.LastFailure,
		},
		protocol.ActivityTaskCompleted{ScheduledID: r.ScheduledID, StartedID: id, Result: r.Result},
		protocol.WorkflowTaskScheduled{Queue: a.task.Queue, Attempt: 1},
		protocol.WorkflowTaskStarted{ScheduledID: id + 2, HistorySize: f.HistorySize, SuggestContinueAsNew: f.SuggestContinueAsNew},
	} {
		events = append(events, protocol.Event{ID: id + int64(i), Time: at, Attributes: x})
	}
	c.steps++
	task := &protocol.WorkflowTask{
		Workflow: a.task.Workflow, Run: a.task.Run, Type: a.task.WorkflowType, Queue: a.task.Queue, Attempt: 1, Base: f.Base,
		Nonce: fmt.Sprintf("%s-%06d", c.name, c.steps), After: f.LastID, Events: events,
	}
	answer := c.advance(task, k, events)
	return &protocol.ForeseenStep{Nonce: task.Nonce, Base: f.Base, ScheduledID: id + 2, Time: at, Answer: *answer}
}

// lease is a task that a worker has.
type lease struct {
	by        *crew // nil: nobody has it any more
	delivered int
	comes     bool // to somebody
}

// offerTasks gives what lies on the queue to workers.
func (w *world) offerTasks() {
	if len(w.workers) == 0 {
		return
	}
	for _, m := range w.tasks.msgs {
		l := w.leases[m.seq]
		if l == nil {
			l = &lease{}
			w.leases[m.seq] = l
		}
		if l.by != nil || l.comes {
			continue
		}
		l.comes = true
		w.in(w.some(300*time.Millisecond), fmt.Sprint("task ", m.seq, " comes"), func() {
			l.comes = false
			w.give(m, l)
		})
	}
}

// give gives a task to some worker.
func (w *world) give(m message, l *lease) {
	c := w.worker("")
	if now := w.tasks.lastOf(m.subject); c == nil || now.seq != m.seq {
		return
	}
	l.by = c
	l.delivered++
	if w.bad.strikes(redelivery, c.name) {
		w.in(w.some(10*time.Second), "the broker takes "+c.name+" for dead", func() { l.by = nil })
	}
	done := func() {
		w.tasks.remove(m.seq)
		delete(w.leases, m.seq)
	}
	if m.does[0] == 'c' {
		c.answerCall(m, l.delivered, done)
		return
	}
	var task protocol.ActivityTask
	if err := protocol.Unmarshal(m.data, &task); err != nil {
		w.failf("a task cannot be read: %v", err)
		return
	}
	a := &attempt{task: task, number: task.Number(), came: time.Now(), over: done}
	if at, ok := c.taken[attemptKey(task.Run, task.ScheduledID, a.number)]; ok && time.Since(at) < time.Minute {
		w.in(w.ackWait(), "the broker gives a task that was left again", func() { l.by = nil })
		return
	}
	if lost := l.delivered - 1; lost > 0 {
		a.task.Attempt += lost
		a.task.LastFailure = protocol.Silent(a.task.Attempt - 1)
	}
	c.begin(a)
}

// answerCall says that the worker is there.
func (c *crew) answerCall(m message, delivered int, done func()) {
	var call protocol.QueuedWorkflowTask
	if err := protocol.Unmarshal(m.data, &call); err != nil {
		c.w.failf("a call cannot be read: %v", err)
		return
	}
	ready := protocol.WorkerReady{Run: call.Run, ScheduledID: call.ScheduledID, Worker: c.name}
	id := fmt.Sprintf("ready-%d-%s-%d", m.seq, c.name, delivered)
	if c.w.scenario.Plant == RepeatedWord {
		id = fmt.Sprintf("ready-%s-%d-%s-%d", call.Run, call.ScheduledID, c.name, delivered)
	}
	c.tell(call.Workflow, ready, id, "", func(ack) { done() })
}
