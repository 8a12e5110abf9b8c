package machine

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// takeStart drafts a new run, or what a start does to the one that is open. It reports false when the start must wait for a step of
// its own: a record belongs to one run, and this step's is the one that just ended.
func (t *Turn) takeStart(in protocol.Input, b protocol.StartInput) bool {
	if err := ValidateStart(b); err != nil {
		t.refuse(in, protocol.AsError(err))
		return true
	}
	switch run, again := t.run.took(b.RequestID); {
	case again && run == t.run.ID():
		t.answerStart(in, b, false)
	case again:
		t.reply(in, protocol.Verdict{Run: run})
	case t.run.Open() && b.Conflict == protocol.ConflictTerminate:
		t.event(protocol.WorkflowExecutionTerminated{Reason: "another run was started in its place", Identity: b.Identity})
		return false
	case t.run.Open():
		t.meet(in, b)
	case t.run != nil && t.run != t.w.Run && len(t.events) > 0:
		return false
	case t.run != nil && !b.Reuse.Allows(t.run.Status):
		t.refuse(in, taken(t.run, "workflow %q has ended (%s), and its reuse policy is %s", t.w.ID, t.run.Status, b.Reuse))
	default:
		t.begin(in, b)
	}
	return true
}

// meet is a start that finds its run open.
func (t *Turn) meet(in protocol.Input, b protocol.StartInput) {
	switch {
	case (b.Signal != nil || b.Update != nil) && !t.hasCode(in, "takes no signals and no updates", "use another workflow ID"):
		return
	case b.Signal != nil:
		s := *b.Signal
		s.Run, s.Identity, s.RequestID = "", b.Identity, b.RequestID
		t.signal(s)
	case b.Update != nil:
	case b.Conflict != protocol.ConflictUseExisting:
		t.refuse(in, taken(t.run, "workflow %q is running already", t.w.ID))
		return
	}
	t.answerStart(in, b, true)
}

// taken says that a workflow ID cannot be used, and which run has it.
func taken(r *Run, format string, args ...any) *protocol.Error {
	err := protocol.Errorf(protocol.CodeAlreadyStarted, format, args...).
		WithHint("wait for it, signal it, or start another under a different ID")
	err.Run = r.ID()
	return err
}

// begin drafts the first event of the first run of a chain.
func (t *Turn) begin(in protocol.Input, b protocol.StartInput) {
	t.run = t.follower()
	e := protocol.WorkflowExecutionStarted{
		WorkflowID: t.w.ID, WorkflowType: b.Type, Queue: b.Queue, Input: b.Input, RunID: b.Run, RequestID: b.RequestID,
		RunTimeout: b.RunTimeout, TaskTimeout: b.TaskTimeout, Memo: b.Memo, SearchAttributes: b.SearchAttributes,
		Headers: b.Headers, Identity: b.Identity,
		PinnedVersion: b.PinnedVersion, Parent: b.Parent, Root: b.Root,
		FirstTaskDelay: b.Delay, ExecutionTimeout: b.ExecutionTimeout, Activity: aloneOptions(b),
	}
	if b.ExecutionTimeout > 0 {
		e.ExecutionDeadline = t.now.Add(time.Duration(b.Delay) + time.Duration(b.ExecutionTimeout))
	}
	if b.RetryPolicy != nil {
		p := b.RetryPolicy.Normalize()
		e.RetryPolicy, e.Attempt = &p, 1
	}
	t.event(e)
	t.beginAlone()
	if b.Signal != nil {
		s := *b.Signal
		s.Identity, s.RequestID = b.Identity, ""
		t.signal(s)
	}
	t.answerStart(in, b, false)
	t.starter = in.Reply
}

// answerStart accepts a start. One that carries an update hears what becomes of that, at the end of the step.
func (t *Turn) answerStart(in protocol.Input, b protocol.StartInput, existing bool) {
	if b.Update == nil {
		t.reply(in, protocol.Verdict{Run: t.run.ID(), Existing: existing, Outcome: t.run.Outcome})
		return
	}
	u := *b.Update
	u.Run, u.Identity = "", b.Identity
	t.takeUpdate(in, u, existing)
}

// Splits reports whether the input must wait for a step of its own: it opens a new run, and a record belongs to one, or it
// removes one.
func Splits(in protocol.Input) bool {
	switch in.Body.(type) {
	case protocol.StartInput, protocol.ResetInput, Reset, protocol.DeleteInput:
		return true
	}
	return false
}

// Begins reports whether the input may begin a run.
func Begins(in protocol.Input) bool {
	switch in.Body.(type) {
	case protocol.StartInput, succession, Reset:
		return true
	}
	return false
}

// ValidateStart reports what is missing or wrong in a start.
func ValidateStart(b protocol.StartInput) error {
	switch {
	case b.Type == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a start needs a workflow type").
			WithHint(`name it, such as {"type": "shop.Checkout", "queue": "orders"}`)
	case b.Run == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a start needs a run ID").WithHint("make up a UUID for run_id")
	case b.RunTimeout < 0 || b.TaskTimeout < 0 || b.ExecutionTimeout < 0:
		return protocol.Errorf(protocol.CodeBadRequest, "a timeout is negative").WithHint("leave it out for no timeout")
	case b.Delay < 0:
		return protocol.Errorf(protocol.CodeBadRequest, "the start delay is negative").WithHint("leave it out to begin at once")
	case b.Signal != nil && b.Signal.Name == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a signal needs a name").WithHint(`"signal": {"signal": "approve"}`)
	case b.Signal != nil && b.Update != nil:
		return protocol.Errorf(protocol.CodeBadRequest, "a start carries either a signal or an update").WithHint("send the signal first")
	case b.Update != nil && (b.Update.UpdateID == "" || b.Update.Name == ""):
		return errNoUpdate
	case b.Conflict == protocol.ConflictTerminate && b.Reuse == protocol.ReuseReject:
		return protocol.Errorf(protocol.CodeBadRequest, "the policies %s and %s exclude each other", b.Conflict, b.Reuse).
			WithHint("a run that was terminated to make room is a run of this ID")
	}
	if err := protocol.ValidateToken("run ID", b.Run); err != nil {
		return err
	}
	if b.Update != nil {
		if err := protocol.ValidateToken("update ID", b.Update.UpdateID); err != nil {
			return err
		}
	}
	for _, err := range []error{b.Reuse.Validate(), b.Conflict.Validate(), protocol.ValidateQueue(b.Queue)} {
		if err != nil {
			return err
		}
	}
	if b.Parent != nil {
		if err := protocol.ValidateID("parent's workflow ID", b.Parent.Workflow); err != nil {
			return err
		}
	}
	if b.Activity != nil {
		return validateAlone(b)
	}
	if b.RetryPolicy != nil {
		return b.RetryPolicy.Validate()
	}
	return nil
}
