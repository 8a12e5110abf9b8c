package machine

import (
	"cmp"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Child is a child that was asked for and has not ended.
type Child struct {
	Event     int64
	Initiated time.Time
	protocol.StartChildWorkflowExecutionInitiated
	// Started is the ChildWorkflowExecutionStarted; zero until the child is known to have begun.
	Started int64
}

func (t *Turn) startChild(c protocol.StartChildWorkflowExecution, task int64) error {
	c.Queue = cmp.Or(c.Queue, t.run.Start.Queue)
	err := ValidateStart(protocol.StartInput{
		Type: c.WorkflowType, Run: t.run.ID(), Queue: c.Queue, Reuse: c.Reuse, RetryPolicy: c.RetryPolicy,
		ExecutionTimeout: c.ExecutionTimeout, RunTimeout: c.RunTimeout, TaskTimeout: c.TaskTimeout,
	})
	if err == nil {
		err = cmp.Or(protocol.ValidateID("workflow ID", c.WorkflowID), c.ParentClosePolicy.Validate())
	}
	if err != nil {
		return err
	}
	if c.RetryPolicy != nil {
		p := c.RetryPolicy.Normalize()
		c.RetryPolicy = &p
	}
	t.event(protocol.StartChildWorkflowExecutionInitiated{
		WorkflowID: c.WorkflowID, RunID: protocol.ChildRunID(t.run.ID(), t.run.LastEvent+1),
		WorkflowType: c.WorkflowType, Queue: c.Queue, Input: c.Input,
		ExecutionTimeout: c.ExecutionTimeout, RunTimeout: c.RunTimeout, TaskTimeout: c.TaskTimeout, RetryPolicy: c.RetryPolicy,
		Reuse: c.Reuse, ParentClosePolicy: cmp.Or(c.ParentClosePolicy, protocol.ParentCloseTerminate),
		Memo: c.Memo, SearchAttributes: c.SearchAttributes, Headers: c.Headers, TaskCompletedID: task,
	})
	return nil
}

// cancelChild is a request to cancel that names a child by the event which asked for it. It speaks to the chain of runs that began as
// the child, and to no other run of that workflow ID.
func (t *Turn) cancelChild(c *protocol.RequestCancelExternalWorkflowExecution) error {
	child, ok := t.run.children.get(c.ChildInitiatedID)
	if !ok {
		return fmt.Errorf("event %d asked for no child that is open", c.ChildInitiatedID)
	}
	c.WorkflowID, c.RunID, c.FirstRunID = child.WorkflowID, "", child.RunID
	return nil
}

// childAnswer drafts what became of a child's start. A run that a reset made asks again for a child which it knows to have begun; the
// answer is news only if the child has ended since.
func (t *Turn) childAnswer(c Child, v protocol.Verdict) {
	switch {
	case v.Error != nil && c.Started == 0:
		t.event(protocol.StartChildWorkflowExecutionFailed{
			WorkflowID: c.WorkflowID, WorkflowType: c.WorkflowType, InitiatedID: c.Event, Cause: v.Error,
		})
		return
	case v.Error != nil:
		t.childEnded(c, protocol.Outcome{Run: c.RunID, Status: protocol.StatusTerminated, Failure: lostChild(v.Error)})
		return
	case c.Started == 0:
		c.Started = t.childStarted(c)
	}
	if o := v.Outcome; o != nil && o.Next == "" {
		t.childEnded(c, *o)
	}
}

// disown ends a child that was started although this run was told that it was not. A refused start leaves no record: a node that dies
// before it releases the start lets another one decide it again, and by then the workflow ID may be free. The answer of a child that
// has ended, when it comes twice, looks the same; what is told to that child then finds no run.
func (t *Turn) disown(b protocol.AnswerInput) {
	child := b.Verdict.Run
	if t.run == nil || t.run.ID() != b.Run || b.Verdict.Error != nil || child != protocol.ChildRunID(b.Run, b.Event) {
		return
	}
	if b.Event > t.run.LastEvent { // this history has lost its end: the child will be asked for again
		return
	}
	if _, open := t.run.children.get(b.Event); open {
		return
	}
	t.tells = append(t.tells, Tell{
		Workflow: b.Verdict.ID, ID: closeID(b.Run, b.Event),
		Body: protocol.TerminateInput{FirstRun: child, Reason: "its parent was told that it had not begun", Identity: t.run.identity()},
	})
}

// lostChild is the end of a child whose workflow ID was used again before a reset run could ask for it.
func lostChild(why *protocol.Error) *protocol.Failure {
	return &protocol.Failure{
		Message: "how the child ended is not known after the reset: another run has its ID", Source: "server",
		Terminated: &protocol.TerminatedFailure{}, Cause: protocol.NewFailure(why),
	}
}

func (t *Turn) childEnded(c Child, o protocol.Outcome) {
	if e := c.ended(o); e != nil {
		t.event(e)
	}
}

// asked finds the child that a run asked for with an event: this run, or one whose history it repeats after a reset.
func (r *Run) asked(run string, event int64) (Child, bool) {
	c, ok := r.children.get(event)
	return c, ok && (run == r.ID() || c.RunID == protocol.ChildRunID(run, event))
}

func (t *Turn) childStarted(c Child) int64 {
	return t.event(protocol.ChildWorkflowExecutionStarted{
		WorkflowID: c.WorkflowID, RunID: c.RunID, WorkflowType: c.WorkflowType, InitiatedID: c.Event,
	})
}

// takeChild drafts the end of a child. The news may overtake the answer to the child's start, which two inputs of two steps tell; then
// the child has begun all the same.
func (t *Turn) takeChild(b protocol.ChildInput) {
	if !t.run.Open() {
		return
	}
	c, ok := t.run.asked(b.Run, b.InitiatedID)
	if !ok {
		return
	}
	if c.Started == 0 {
		c.Started = t.childStarted(c)
	}
	t.childEnded(c, b.Outcome)
}

// ended is the event that ends the child with the outcome; nil for an outcome that is no end.
func (c Child) ended(o protocol.Outcome) protocol.EventAttributes {
	e := protocol.ChildWorkflowExecutionFailed{
		WorkflowID: c.WorkflowID, RunID: o.Run, WorkflowType: c.WorkflowType, InitiatedID: c.Event, StartedID: c.Started,
		Failure: o.Failure,
	}
	switch o.Status {
	case protocol.StatusCompleted:
		return protocol.ChildWorkflowExecutionCompleted{
			WorkflowID: c.WorkflowID, RunID: o.Run, WorkflowType: c.WorkflowType, InitiatedID: c.Event, StartedID: c.Started,
			Result: o.Result,
		}
	case protocol.StatusFailed:
		return e
	case protocol.StatusCanceled:
		return protocol.ChildWorkflowExecutionCanceled(e)
	case protocol.StatusTimedOut:
		return protocol.ChildWorkflowExecutionTimedOut(e)
	case protocol.StatusTerminated:
		return protocol.ChildWorkflowExecutionTerminated(e)
	case protocol.StatusRunning, protocol.StatusContinuedAsNew:
	}
	return nil
}

func (r *Run) applyChild(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.StartChildWorkflowExecutionInitiated:
		r.children.put(e.ID, Child{Event: e.ID, Initiated: e.Time, StartChildWorkflowExecutionInitiated: a})
	case protocol.StartChildWorkflowExecutionFailed:
		r.dirty = true
		r.children.del(a.InitiatedID)
	case protocol.ChildWorkflowExecutionStarted:
		r.dirty = true
		if c, ok := r.children.get(a.InitiatedID); ok {
			c.Started = e.ID
			r.children.put(a.InitiatedID, c)
		}
	default:
		if end, ok := protocol.ChildEnded(a); ok {
			r.dirty = true
			r.children.del(end.InitiatedID)
		}
	}
}
