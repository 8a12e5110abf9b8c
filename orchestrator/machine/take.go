package machine

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// take drafts one input.
func (t *Turn) take(in protocol.Input) {
	if in.Seq != 0 {
		t.consumed = append(slices.Clip(t.consumed), in.Seq)
	}
	switch b := in.Body.(type) {
	case protocol.StartInput:
		t.takeStart(in, b)
	case protocol.SignalInput:
		t.takeSignal(in, b)
	case protocol.CancelInput:
		t.takeCancel(in, b)
	case protocol.TerminateInput:
		t.takeTerminate(in, b)
	case protocol.ActivityResult:
		t.takeResult(b)
	case protocol.WorkerReady:
		t.takeReady(b)
	case protocol.TimerInput:
		t.takeTimer(b)
	}
}

func (t *Turn) reply(in protocol.Input, v protocol.Verdict) {
	if in.Reply != "" {
		v.ID = t.w.ID
		t.verdicts = append(t.verdicts, Reply{Subject: in.Reply, Verdict: v})
	}
}

func (t *Turn) accept(in protocol.Input) { t.reply(in, protocol.Verdict{Run: t.run.ID()}) }

func (t *Turn) refuse(in protocol.Input, err *protocol.Error) {
	t.reply(in, protocol.Verdict{Error: err})
}

func (t *Turn) takeStart(in protocol.Input, b protocol.StartInput) {
	if err := ValidateStart(b); err != nil {
		t.refuse(in, protocol.AsError(err))
		return
	}
	if t.run != nil && b.RequestID != "" && b.RequestID == t.run.Start.RequestID {
		t.accept(in) // the same request again
		return
	}
	if t.run.Open() {
		err := protocol.Errorf(protocol.CodeAlreadyStarted, "workflow %q is running already", t.w.ID).
			WithHint("wait for it, signal it, or start another under a different ID")
		err.Run = t.run.ID()
		t.refuse(in, err)
		return
	}
	if t.run != nil && t.run != t.w.Run && len(t.events) > 0 {
		// The run that this very step ended has its events in this record, and a record belongs to one run.
		// The actor hands such a start to the next step; see Splits.
		t.refuse(in, protocol.Errorf(protocol.CodeConflict, "workflow %q is just ending", t.w.ID).WithHint("start it again"))
		return
	}
	t.run = &Run{}
	t.event(protocol.WorkflowExecutionStarted{
		WorkflowID: t.w.ID, WorkflowType: b.Type, Queue: b.Queue, Input: b.Input, RunID: b.Run, RequestID: b.RequestID,
		RunTimeout: b.RunTimeout, TaskTimeout: b.TaskTimeout, Memo: b.Memo, Headers: b.Headers, Identity: b.Identity,
	})
	t.accept(in)
}

// Splits reports whether the input must wait for a step of its own: a start opens a new run, and a record belongs to one.
func Splits(in protocol.Input) bool {
	_, ok := in.Body.(protocol.StartInput)
	return ok
}

// ValidateStart reports what is missing or wrong in a start.
func ValidateStart(b protocol.StartInput) error {
	switch {
	case b.Type == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a start needs a workflow type").
			WithHint(`name it, such as {"type": "shop.Checkout", "queue": "orders"}`)
	case b.Run == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a start needs a run ID").WithHint("make up a UUID for run_id")
	case b.RunTimeout < 0 || b.TaskTimeout < 0:
		return protocol.Errorf(protocol.CodeBadRequest, "a timeout is negative").WithHint("leave it out for no timeout")
	}
	return protocol.ValidateID("queue", b.Queue)
}

// target checks that the input speaks to the open run, and refuses it otherwise.
func (t *Turn) target(in protocol.Input, run string) bool {
	switch {
	case t.run == nil:
		t.refuse(in, protocol.Errorf(protocol.CodeNotFound, "there is no workflow %q", t.w.ID).
			WithHint("check the ID: `millrace list` shows what there is"))
	case run != "" && run != t.run.ID():
		t.refuse(in, protocol.Errorf(protocol.CodeNotFound, "workflow %q has no open run %s", t.w.ID, run).
			WithHint("leave the run ID out to speak to the latest run"))
	case !t.run.Open():
		t.refuse(in, protocol.Errorf(protocol.CodeClosed, "workflow %q has ended (%s)", t.w.ID, t.run.Status).
			WithHint("`millrace show %s` tells how; a new run can be started under the same ID", t.w.ID))
	default:
		return true
	}
	return false
}

// repeated recognises a request that was recorded before, and accepts it again without an event.
func (t *Turn) repeated(in protocol.Input, requestID string) bool {
	if t.run == nil || requestID == "" || !t.run.requests.has(requestID) {
		return false
	}
	t.accept(in)
	return true
}

func (t *Turn) takeSignal(in protocol.Input, b protocol.SignalInput) {
	if t.repeated(in, b.RequestID) || !t.target(in, b.Run) {
		return
	}
	if b.Name == "" {
		t.refuse(in, protocol.Errorf(protocol.CodeBadRequest, "a signal needs a name").WithHint(`"signal": "approve"`))
		return
	}
	t.event(protocol.WorkflowExecutionSignaled{Name: b.Name, Input: b.Input, RequestID: b.RequestID, Identity: b.Identity})
	t.accept(in)
}

func (t *Turn) takeCancel(in protocol.Input, b protocol.CancelInput) {
	if t.repeated(in, b.RequestID) || !t.target(in, b.Run) {
		return
	}
	if !t.run.CancelRequested {
		t.event(protocol.WorkflowExecutionCancelRequested{Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity})
	}
	t.accept(in)
}

func (t *Turn) takeTerminate(in protocol.Input, b protocol.TerminateInput) {
	if !t.target(in, b.Run) {
		return
	}
	t.event(protocol.WorkflowExecutionTerminated{Reason: b.Reason, Details: b.Details, Identity: b.Identity})
	t.accept(in)
}

// takeReady notes a worker that can take the step which waits in the task stream.
func (t *Turn) takeReady(b protocol.WorkerReady) {
	if t.run.Open() && t.run.ID() == b.Run && t.run.dirty {
		t.ready, t.wanted = b.Worker, true
	}
}

// takeTimer resumes an activity whose wait for a retry is over. A wake-up without a task only makes the turn look at the
// deadlines, which every turn does, and at a workflow task that nobody took: the node that knew when to try again may
// have died.
func (t *Turn) takeTimer(b protocol.TimerInput) {
	switch {
	case !t.run.Open():
	case b.Task == nil:
		t.wanted, t.woken = true, true
	case t.run.ID() == b.Task.Run:
		t.resume(*b.Task)
	}
}

func (t *Turn) resume(task protocol.ActivityTask) {
	a, ok := t.run.activities.get(task.ScheduledID)
	switch {
	case !ok || task.Attempt < a.Attempt:
		return
	case a.CancelRequested:
		t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event})
		return
	}
	a.Attempt, a.LastFailure, a.NextAttempt = task.Attempt, task.LastFailure, time.Time{}
	t.run.activities.put(a.Event, a)
	t.resumed = append(t.resumed, task)
}

// takeResult drafts how an attempt of an activity ended: events if that ends the activity, else a retry.
// The first terminal result wins; one for an activity that has ended, or for an attempt that is over, is dropped.
func (t *Turn) takeResult(b protocol.ActivityResult) {
	if !t.run.Open() || t.run.ID() != b.Run {
		return
	}
	a, ok := t.run.activities.get(b.ScheduledID)
	if !ok || b.Failure != nil && b.Attempt < a.Attempt {
		return
	}
	started := protocol.ActivityTaskStarted{
		ScheduledID: a.Event, Attempt: b.Attempt, Identity: b.Worker, LastFailure: b.LastFailure,
	}
	if b.Failure == nil {
		id := t.event(started)
		t.event(protocol.ActivityTaskCompleted{ScheduledID: a.Event, StartedID: id, Result: b.Result})
		return
	}
	if b.Failure.Canceled != nil && a.CancelRequested {
		id := t.event(started)
		var details protocol.Payload
		if d := b.Failure.Canceled.Details; d != nil {
			details = *d
		}
		t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event, StartedID: id, Details: details})
		return
	}
	delay, state := a.RetryPolicy.Next(b.Failure, b.Attempt, t.now, a.Deadline())
	if a.CancelRequested {
		state = protocol.RetryCancelRequested
	}
	if state == protocol.RetryInProgress {
		t.retries = append(t.retries, t.run.retry(a, b, t.now.Add(delay)))
		return
	}
	id := t.event(started)
	if b.Failure.Timeout != nil {
		t.event(protocol.ActivityTaskTimedOut{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	} else {
		t.event(protocol.ActivityTaskFailed{ScheduledID: a.Event, StartedID: id, Failure: b.Failure, RetryState: state})
	}
}

// retry makes the attempt after a failed one wait until at.
func (r *Run) retry(a Activity, b protocol.ActivityResult, at time.Time) Retry {
	a.Attempt, a.LastFailure, a.NextAttempt = b.Attempt+1, b.Failure, at
	r.activities.put(a.Event, a)
	return Retry{Task: r.activityTask(a), At: at}
}
