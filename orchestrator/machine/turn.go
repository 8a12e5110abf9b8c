package machine

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Turn is one step in the making: what a batch of inputs means, before anybody has seen or stored it.
type Turn struct {
	w     *Workflow
	run   *Run // the draft; nil while the workflow has no run
	now   time.Time
	nonce string

	events   []protocol.Event
	consumed []uint64
	left     int // how many of the inputs that were offered last must wait for the next step
	verdicts []Reply
	starter  string // who asked for the run that the step began
	retries  []Retry
	resumed  []protocol.ActivityTask
	tells    []Tell
	handed   *protocol.Handed        // first attempts that the worker which answered takes itself
	wanted   bool                    // something happened that makes a workflow task worth a try now
	current  string                  // the version of the code that is current on the run's queue
	ready    string                  // the worker that said it is ready
	stopped  []int64                 // activities that were asked to stop while they waited for their next attempt
	copied   bool                    // the turn finished a copy
	carried  []protocol.TakenRequest // what the run that begins here must know of its predecessors
	woken    bool                    // a wake-up came: if a task waits for a worker, the call for one may have been lost

	scheduled, started int64 // the events of the workflow task on offer
	offered            []protocol.Event

	fresh     []protocol.UpdateCall        // updates that no record knows yet
	askers    []asker                      // who wants to know what becomes of which update
	delivered []protocol.UpdateCall        // updates that go with the workflow task on offer
	rejected  map[string]*protocol.Failure // new updates that the run's code refused
}

// Retry is the next attempt of an activity and when it is due.
type Retry struct {
	Task protocol.ActivityTask
	At   time.Time
}

// TaskRetry says when a failed workflow task is tried again. It is volatile.
type TaskRetry struct {
	Attempt int
	At      time.Time
	Failure *protocol.PendingTask
}

// stepEvents is how many events most steps have at most.
const stepEvents = 8

// Begin drafts a step from inputs, in order. The Workflow is not changed. nonce becomes the record's.
func (w *Workflow) Begin(inputs []protocol.Input, nonce string, now time.Time) *Turn {
	t := &Turn{w: w, now: now, nonce: nonce, consumed: w.decided, events: make([]protocol.Event, 0, stepEvents)}
	if w.Run != nil {
		t.run = w.Run.fork()
	}
	t.take(inputs)
	t.passDeadlines()
	return t
}

// Add drafts further inputs into the step, as if they had arrived before it began, and reports whether any of them means
// something to the run. If it does, an answer that a worker gave before no longer counts: offer the task again, under a
// new nonce, because the worker's cache has seen a step that never happened.
func (t *Turn) Add(inputs []protocol.Input, nonce string) bool {
	before := len(t.events) + len(t.fresh)
	t.take(inputs)
	if len(t.events)+len(t.fresh) == before {
		return false
	}
	t.nonce, t.offered, t.scheduled, t.started = nonce, nil, 0, 0
	return true
}

// Closed reports whether the draft has ended the run without asking its code.
func (t *Turn) Closed() bool { return t.run != nil && !t.run.Open() }

// passDeadlines drafts what is due: timers, schedule-to-close deadlines, the run timeout.
func (t *Turn) passDeadlines() {
	if t.w.Run == nil || !t.run.Open() || t.run.ID() != t.w.Run.ID() || t.run.copying() {
		return
	}
	for _, d := range t.w.Run.deadlines.due(t.now) {
		if timer, ok := t.run.timers.get(d.event); ok {
			t.event(protocol.TimerFired{TimerID: timer.TimerID, StartedID: timer.Event})
		} else if a, ok := t.run.activities.get(d.event); ok && a.expects(d.at) {
			t.expire(a, d.at)
		}
	}
	if d, limit := t.run.deadline(); !d.IsZero() && !d.After(t.now) {
		t.timeOut(limit)
	}
	if at := t.run.notBefore; !at.IsZero() && !at.After(t.now) {
		t.wanted = true
		t.beginAlone()
	}
	if due := t.w.TaskDue(); !due.IsZero() && !due.After(t.now) {
		t.wanted, t.woken = true, true
	}
}

// event drafts an event: it gets the next ID and is folded into the draft at once.
func (t *Turn) event(a protocol.EventAttributes) int64 {
	e := t.next(a)
	t.run.apply(e)
	t.events = append(t.events, e)
	t.wanted = t.wanted || t.run.wants()
	if t.run.alone() && t.run.Open() {
		t.conclude(a)
	}
	return e.ID
}

// next numbers an event. Times never run backwards within a run, whatever the node's clock does.
func (t *Turn) next(a protocol.EventAttributes) protocol.Event {
	at := t.now
	if at.Before(t.run.LastTime) {
		at = t.run.LastTime
	}
	return protocol.Event{ID: t.run.LastEvent + 1, Time: at, Attributes: a}
}

// Wants reports whether a worker should be asked to take the step.
func (t *Turn) Wants() bool {
	r := t.run
	if !r.Open() {
		return false
	}
	may := !t.copied && r.paused == nil && !r.copying() && !t.now.Before(r.notBefore)
	return may && t.wanted && (r.wants() || len(t.fresh) > 0)
}

// timeOut drafts the end of a run that took too long. The execution timeout is not tried again: it is over for every attempt.
func (t *Turn) timeOut(limit protocol.Duration) {
	e := protocol.WorkflowExecutionTimedOut{Timeout: limit, RetryState: protocol.RetryTimeout}
	if d := t.run.Start.ExecutionDeadline; d.IsZero() || d.After(t.now) {
		e.NewRunID, e.RetryState = t.tryAgain(timedOut(limit))
	}
	t.event(e)
}

// timedOut is how the end of a run that took too long looks to whoever waits for it.
func timedOut(limit protocol.Duration) *protocol.Failure {
	return protocol.TimeoutError(protocol.TimeoutStartToClose, "the workflow did not end within its timeout of "+limit.String(), nil)
}

// Worker is who should be asked first: a worker that just said it is ready, else the one whose cache holds the run.
// Empty means anyone.
func (t *Turn) Worker() string {
	if t.ready != "" {
		return t.ready
	}
	return t.run.Worker
}

// Task drafts the workflow task. Its events are the ones that the run's code has not seen; they continue after the event
// task.After. A worker that does not hold the run needs the events before them as well: the caller puts them in front and
// clears After and Base.
func (t *Turn) Task(now time.Time) *protocol.WorkflowTask {
	r := t.run
	t.now = now
	if t.offered == nil {
		t.offer()
	}
	tail := slices.Grow(slices.Clip(r.Tail), len(t.events)+len(t.offered)) // a copy: the run may be that of others as well
	events := append(unseen(tail, t.events), t.offered...)
	return &protocol.WorkflowTask{
		Workflow: r.Start.WorkflowID, Run: r.ID(), Type: r.Start.WorkflowType, Queue: t.taskQueue(),
		Attempt: t.w.attemptOf(r), Nonce: t.nonce, Base: r.Base, After: events[0].ID - 1, Events: events,
		Updates: t.delivered, Timeout: r.taskTimeout(),
	}
}

// attemptOf is the attempt of the draft's workflow task: a new run begins at 1 whatever its predecessor suffered.
func (w *Workflow) attemptOf(r *Run) int {
	if w.Run == nil || w.Run.ID() != r.ID() {
		return 1
	}
	return w.attempt()
}

// offer makes the WorkflowTaskScheduled (unless one waits in history) and WorkflowTaskStarted events. They are not folded
// into the draft: whether they happened depends on the answer.
func (t *Turn) offer() {
	r := t.run
	t.scheduled, t.delivered, t.offered = r.TaskScheduled, t.updates(), make([]protocol.Event, 0, 2)
	if t.scheduled == 0 {
		e := t.next(protocol.WorkflowTaskScheduled{Queue: r.callQueue(), Timeout: r.taskTimeout(), Attempt: t.w.attemptOf(r)})
		t.scheduled = e.ID
		t.offered = append(t.offered, e)
	}
	t.started = r.LastEvent + int64(len(t.offered)) + 1
	started := t.next(r.taskStarted(t.scheduled, t.started))
	started.ID = t.started
	t.offered = append(t.offered, started)
}

// taskStarted is the event of this ID that begins a workflow task, and tells the run's code how long its history is.
func (r *Run) taskStarted(scheduled, id int64) protocol.WorkflowTaskStarted {
	return protocol.WorkflowTaskStarted{
		ScheduledID: scheduled, HistorySize: r.Size,
		SuggestContinueAsNew: id > protocol.SuggestEvents || r.Size > protocol.SuggestBytes,
	}
}
