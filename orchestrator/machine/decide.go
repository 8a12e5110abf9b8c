package machine

import (
	"fmt"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Ready is what a step comes to. The order is a contract: the record is stored first; then the workflow applies it; only then
// do the verdicts, the retries and the effects of the record go out.
type Ready struct {
	// Record is the one message that commits the step; nil when nothing happened that history must know.
	Record *protocol.Record
	// Verdicts answer those who wait for the step. They are sent after the record is stored.
	Verdicts []Reply
	// Retries are attempts that wait. Each is armed as a durable wake-up before the inputs of the step are released.
	Retries []Retry
	// Resumed are attempts whose wait is over. Each is dispatched before its wake-up is released.
	Resumed []protocol.ActivityTask
	// Ended says that the record ends its run.
	Ended bool
	// Left is how many of the inputs, from the end, the step did not take: they must wait for the next one.
	Left int
	// Tells are what other workflows must be told though no event says so. Each is told before the inputs of the step are released.
	Tells []Tell
	// Decided are the inbox sequences that the step decided without a record; see Note. Empty with a record.
	Decided []uint64
	// TaskRetry, when not nil, says that the workflow task failed again and when to try next; see Note.
	TaskRetry *TaskRetry
	// Call, when not nil, asks for a worker through the task stream although no record says so: an earlier call was
	// answered by a worker that then did not take the step.
	Call *Call
}

// Decide ends the turn without a worker: because none was wanted, or because none took the task. In the second case the
// record carries a WorkflowTaskScheduled, and its effect is a call for a worker. When a call is out already, none is added,
// unless it may have been lost.
func (t *Turn) Decide(now time.Time) Ready {
	t.now = now
	if !t.run.Open() || !t.Wants() {
		return t.finish(nil)
	}
	if t.run.TaskScheduled == 0 {
		t.event(protocol.WorkflowTaskScheduled{
			Queue: t.run.callQueue(), Timeout: t.run.taskTimeout(), Attempt: t.w.attemptOf(t.run),
		})
		return t.finish(nil)
	}
	if t.ready != "" {
		// A worker answered the call and then did not take the step. The wait keeps a queue of busy workers and this node
		// from answering each other as fast as they can.
		return t.finish(&TaskRetry{Attempt: t.w.attemptOf(t.run), At: now.Add(callAgain)})
	}
	if !t.woken {
		return t.finish(nil)
	}
	r := t.finish(&TaskRetry{Attempt: t.w.attemptOf(t.run)})
	r.Call = t.w.call()
	return r
}

// callAgain is how long a node waits before it calls for a worker again.
const callAgain = time.Second

// Answer ends the turn with what a worker said. A command that makes no sense fails the workflow task, not the run.
func (t *Turn) Answer(a *protocol.WorkflowTaskAnswer, now time.Time) Ready {
	t.now = now
	if a.Failure != nil {
		return t.failed(a.Worker, a.Cause, a.Failure)
	}
	before := *t
	t.run = t.run.fork()
	if err := t.complete(a); err != nil {
		*t = before
		return t.failed(a.Worker, protocol.CauseBadCommand, protocol.NewFailure(err))
	}
	return t.finish(nil)
}

// TimedOut ends the turn of a worker that took the task and fell silent.
func (t *Turn) TimedOut(worker string, now time.Time) Ready {
	t.now = now
	return t.failure(func() {
		t.event(protocol.WorkflowTaskTimedOut{
			ScheduledID: t.scheduled, StartedID: t.started, Type: protocol.TimeoutStartToClose,
		})
	}, worker, &protocol.PendingTask{Failure: protocol.TimeoutError(protocol.TimeoutStartToClose,
		"the worker took the workflow task and did not answer", nil)})
}

// Closes reports whether the answer would end the run: then inputs that wait must be heard first.
func Closes(a *protocol.WorkflowTaskAnswer) bool {
	for _, c := range a.Commands {
		switch c.Attributes.(type) {
		case protocol.CompleteWorkflowExecution, protocol.FailWorkflowExecution, protocol.CancelWorkflowExecution:
			return true
		}
	}
	return false
}

func (t *Turn) failed(worker string, cause protocol.TaskFailedCause, f *protocol.Failure) Ready {
	return t.failure(func() {
		t.event(protocol.WorkflowTaskFailed{
			ScheduledID: t.scheduled, StartedID: t.started, Cause: cause, Failure: f, Identity: worker,
		})
	}, worker, &protocol.PendingTask{Cause: cause, Failure: f})
}

// failure records the first failed workflow task of a row; the ones after it are only remembered, so that a step that
// fails for a week does not fill the history.
func (t *Turn) failure(record func(), worker string, p *protocol.PendingTask) Ready {
	attempt := t.w.attemptOf(t.run)
	if attempt == 1 {
		t.start(worker)
		record()
	}
	p.Attempt = attempt + 1
	return t.finish(&TaskRetry{Attempt: attempt + 1, At: t.now.Add(taskBackoff(attempt)), Failure: p})
}

// start folds the offered workflow task into the draft: somebody took it.
func (t *Turn) start(worker string) {
	for _, e := range t.offered {
		if a, ok := e.Attributes.(protocol.WorkflowTaskStarted); ok {
			a.Identity = worker
			e.Attributes = a
		}
		t.run.apply(e)
		t.events = append(t.events, e)
	}
}

func (t *Turn) complete(a *protocol.WorkflowTaskAnswer) error {
	if t.onlyRejects(a) {
		t.settleUpdates(a, 0)
		return nil
	}
	if n := len(a.Commands); n > protocol.MaxCommands {
		return protocol.Errorf(protocol.CodeTooLarge, "the step has %d commands, and %d are allowed", n, protocol.MaxCommands)
	}
	t.start(a.Worker)
	id := t.event(protocol.WorkflowTaskCompleted{
		ScheduledID: t.scheduled, StartedID: t.started, Identity: a.Worker, SDK: a.SDK, Version: a.Version,
		Pinned: a.Pinned,
	})
	for i, c := range a.Commands {
		if !t.run.Open() {
			return fmt.Errorf("command %d, a %s, follows the one that ended the run", i+1, c.Type())
		}
		if err := t.command(c, id); err != nil {
			return fmt.Errorf("command %d, a %s: %w", i+1, c.Type(), err)
		}
	}
	t.settleUpdates(a, id)
	t.endStopped()
	t.handOver(a)
	return nil
}

// tellOutcome lets the verdict of a start carry the result of a run that is over already: nobody has to ask for it.
func (t *Turn) tellOutcome() {
	if t.run == nil || t.run.Open() {
		return
	}
	for i, v := range t.verdicts {
		if v.Subject != "" && v.Subject == t.starter {
			t.verdicts[i].Verdict.Outcome = t.run.Outcome
		}
	}
}

// endStopped drafts the end of activities that were asked to stop while no attempt of theirs ran: nobody else will say that they
// stopped. The run's code sees it in its next step.
func (t *Turn) endStopped() {
	if len(t.stopped) == 0 || !t.run.Open() {
		return
	}
	for _, id := range t.stopped {
		t.retries = slices.DeleteFunc(slices.Clone(t.retries), func(r Retry) bool { return r.Task.ScheduledID == id })
		t.event(protocol.ActivityTaskCanceled{ScheduledID: id})
	}
	if t.run.TaskScheduled == 0 {
		t.event(protocol.WorkflowTaskScheduled{Queue: t.run.callQueue(), Timeout: t.run.taskTimeout(), Attempt: 1})
	}
}

// keeper is the worker whose cache holds the run as the step leaves it.
func (t *Turn) keeper() string {
	completed := func(e protocol.Event) bool { _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); return ok }
	if !t.run.Open() || t.run.Worker == "" || !slices.ContainsFunc(t.events, completed) {
		return ""
	}
	return protocol.WorkerKey(t.run.Start.Queue, t.run.Worker)
}

func (t *Turn) finish(retry *TaskRetry) Ready {
	t.admit()
	t.answerAskers()
	r := Ready{Verdicts: t.verdicts, Retries: t.retries, Resumed: t.resumed, Tells: t.tells, TaskRetry: retry, Left: t.left}
	t.tellOutcome()
	if len(t.events) == 0 {
		r.Decided = t.consumed[len(t.w.decided):]
		return r
	}
	r.Record = &protocol.Record{
		Version: protocol.RecordVersion, Workflow: t.w.ID, Run: t.run.ID(), Step: t.run.Step + 1, Nonce: t.nonce,
		Prev: t.w.Digest, First: t.run.First, Inputs: t.consumed, Time: t.now, Events: t.events, Handed: t.handed,
		Worker: t.keeper(),
	}
	for i, v := range t.verdicts {
		if v.asks && r.Record.Worker != "" && v.Verdict.Run == t.run.ID() {
			t.verdicts[i].Verdict.Worker, t.verdicts[i].Verdict.Nonce = r.Record.Worker, t.nonce
		}
	}
	r.Ended = !t.run.Open()
	if t.run.Step == 0 {
		own := func(q protocol.TakenRequest) bool { return q.ID == t.run.Start.RequestID }
		r.Record.Requests, r.Record.LastInput = slices.DeleteFunc(t.carried, own), t.w.LastInput
	}
	return r
}
