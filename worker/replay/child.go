package replay

import (
	"strconv"

	"github.com/millrace-dev/millrace/protocol"
)

// Child is a child workflow that was asked for and has not ended.
type Child struct {
	run     *Run
	start   protocol.StartChildWorkflowExecution
	wait    bool
	command *command
	event   int64 // of the command; zero until it is recorded

	began     func(protocol.Execution, error) // nil when it was called
	done      func(protocol.Payload, error)   // nil when it has ended
	startedID int64
	firstRun  string
	canceled  bool
}

// StartChild asks for a child. It calls began once, when the child's run has begun or will not, and then done once, when the child has
// ended; neither may block. The run makes up the workflow ID when it is empty. With wait, a cancelled child is waited for.
func (e *Env) StartChild(
	c protocol.StartChildWorkflowExecution, wait bool, began func(protocol.Execution, error), done func(protocol.Payload, error),
) *Child {
	r := e.run
	r.mayChange("start a child workflow")
	r.nextChild++
	if c.WorkflowID == "" {
		c.WorkflowID = r.seed + "_" + strconv.Itoa(r.nextChild)
	}
	child := &Child{run: r, start: c, wait: wait, began: began, done: done}
	child.command = r.emit(c, nil)
	child.command.recorded = func(event int64) {
		child.event, child.command = event, nil
		r.children = with(r.children, event, child)
	}
	return child
}

// Cancel asks the child to stop. Unless it is to be waited for, it is given up: done is called at once with a cancellation. A child that
// was asked for in this very step is taken back instead. Cancelling what has ended, or twice, does nothing.
func (c *Child) Cancel() {
	switch {
	case c.done == nil || c.canceled:
		return
	case c.command != nil && c.command.takeBack():
		c.end(protocol.Payload{}, c.failure("was canceled before it was started", protocol.CanceledError("canceled")))
		return
	}
	c.canceled = true
	c.run.emit(protocol.RequestCancelExternalWorkflowExecution{ChildInitiatedID: c.event}, nil)
	if !c.wait {
		c.end(protocol.Payload{}, c.failure("was canceled", protocol.CanceledError("canceled")))
	}
}

// end calls done, once. A child that never began has begun with the same error.
func (c *Child) end(result protocol.Payload, err error) {
	done := c.done
	if done == nil {
		return
	}
	c.begin(protocol.Execution{}, err)
	c.done = nil
	delete(c.run.children, c.event)
	done(result, err)
}

func (c *Child) begin(e protocol.Execution, err error) {
	if began := c.began; began != nil {
		c.began = nil
		began(e, err)
	}
}

// failure wraps what went wrong in a child for the workflow that started it.
func (c *Child) failure(how string, cause *protocol.Failure) *protocol.Failure {
	f := &protocol.ChildWorkflowFailure{
		WorkflowID: c.start.WorkflowID, WorkflowType: c.start.WorkflowType, InitiatedID: c.event, StartedID: c.startedID,
		RunID: c.firstRun,
	}
	return &protocol.Failure{
		Message: "child workflow " + c.start.WorkflowType + " " + how, Source: "go", Cause: cause, ChildWorkflow: f,
	}
}

// applyChild tells a child what happened to it. One that was given up hears nothing any more.
func (r *Run) applyChild(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.StartChildWorkflowExecutionFailed:
		if c := r.children[a.InitiatedID]; c != nil {
			c.end(protocol.Payload{}, c.failure("was not started", protocol.NewFailure(a.Cause)))
		}
	case protocol.ChildWorkflowExecutionStarted:
		if c := r.children[a.InitiatedID]; c != nil {
			c.startedID, c.firstRun = e.ID, a.RunID
			c.begin(protocol.Execution{Workflow: a.WorkflowID, Run: a.RunID}, nil)
		}
	default:
		if end, ok := protocol.ChildEnded(a); ok {
			r.endChild(end)
		}
	}
}

func (r *Run) endChild(end protocol.ChildEnd) {
	c := r.children[end.InitiatedID]
	switch {
	case c == nil:
	case end.How == protocol.StatusCompleted:
		c.end(end.Result, nil)
	default:
		c.end(protocol.Payload{}, c.failure(childEnds[end.How], end.Failure))
	}
}

var childEnds = map[protocol.Status]string{
	protocol.StatusFailed: "failed", protocol.StatusCanceled: "was canceled", protocol.StatusTimedOut: "timed out",
	protocol.StatusTerminated: "was terminated",
}
