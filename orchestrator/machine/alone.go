package machine

import "github.com/millrace-dev/millrace/protocol"

// An activity can run alone, without a workflow: a run whose start says so has no code and takes no steps. The machine asks for the
// activity itself, and what becomes of it becomes of the run, in the same record.

// aloneID is the activity's ID within its run, which has no other.
const aloneID = "1"

// alone reports whether the run is one activity.
func (r *Run) alone() bool { return r != nil && r.Start.Activity != nil }

// beginAlone drafts the activity of a run that is one, once the run may begin.
func (t *Turn) beginAlone() {
	if s := t.run.Start; t.run.alone() && !t.now.Before(t.run.notBefore) {
		e := protocol.ActivityTaskScheduled{ActivityID: aloneID, ActivityType: s.WorkflowType, Input: s.Input, Headers: s.Headers}
		t.event(e.WithOptions(t.normalize(*s.Activity)))
	}
}

// conclude drafts the end of a run that is one activity, when that has ended.
func (t *Turn) conclude(ended protocol.EventAttributes) {
	switch a := ended.(type) {
	case protocol.ActivityTaskCompleted:
		t.event(protocol.WorkflowExecutionCompleted{Result: a.Result})
	case protocol.ActivityTaskFailed:
		t.event(protocol.WorkflowExecutionFailed{Failure: a.Failure, RetryState: a.RetryState})
	case protocol.ActivityTaskTimedOut:
		t.event(protocol.WorkflowExecutionTimedOut{Failure: a.Failure, RetryState: a.RetryState})
	case protocol.ActivityTaskCanceled:
		t.event(protocol.WorkflowExecutionCanceled{Details: a.Details})
	}
}

// cancelAlone passes a cancellation on to the activity. One that has not begun yet is canceled at once; so is one that lies on a queue,
// after a recall.
func (t *Turn) cancelAlone() {
	if !t.run.notBefore.IsZero() {
		t.event(protocol.WorkflowExecutionCanceled{})
		return
	}
	for _, a := range t.run.named(aloneID) {
		t.event(protocol.ActivityTaskCancelRequested{ScheduledID: a.Event})
		if !a.NextAttempt.IsZero() { // it waits for its next attempt
			t.event(protocol.ActivityTaskCanceled{ScheduledID: a.Event})
		}
	}
}

// hasCode refuses an input that only a workflow can take.
func (t *Turn) hasCode(in protocol.Input, what, instead string) bool {
	if !t.run.alone() {
		return true
	}
	t.refuse(in, protocol.Errorf(protocol.CodeBadRequest, "%q is an activity that runs alone: it %s", t.w.ID, what).WithHint("%s", instead))
	return false
}

// validateAlone reports what a start of an activity cannot have.
func validateAlone(b protocol.StartInput) error {
	o := *b.Activity
	var wrong string
	switch {
	case b.RetryPolicy != nil:
		wrong = "a retry policy of its own"
	case b.TaskTimeout != 0 || b.ExecutionTimeout != 0 || b.RunTimeout != 0:
		wrong = "a timeout of a workflow"
	case b.Signal != nil || b.Update != nil:
		wrong = "a signal or an update"
	case b.PinnedVersion != "" || b.Parent != nil:
		wrong = "a pinned version, or a parent"
	case o.Queue != "" && o.Queue != b.Queue:
		wrong = "two queues"
	default:
		o.Queue = b.Queue
		return validOptions(aloneID, o)
	}
	return protocol.Errorf(protocol.CodeBadRequest, "an activity that runs alone cannot have %s", wrong).
		WithHint("its retries and timeouts are part of \"activity\"")
}

// aloneOptions are the activity's options as the run's first event keeps them.
func aloneOptions(b protocol.StartInput) *protocol.ActivityOptions {
	if b.Activity == nil {
		return nil
	}
	o := *b.Activity
	o.Queue, o.RetryPolicy = b.Queue, o.RetryPolicy.Normalize()
	return &o
}
