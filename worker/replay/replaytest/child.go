package replaytest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// recordOthers turns a command that concerns other workflows into its event.
func (w *World) recordOthers(c protocol.CommandAttributes, task int64) {
	switch c := c.(type) {
	case protocol.StartChildWorkflowExecution:
		w.add(protocol.StartChildWorkflowExecutionInitiated{
			WorkflowID: c.WorkflowID, WorkflowType: c.WorkflowType, Queue: cmp.Or(c.Queue, Queue), Input: c.Input,
			RetryPolicy: c.RetryPolicy, RunID: protocol.ChildRunID(RunID, int64(len(w.History))+1),
			ParentClosePolicy: cmp.Or(c.ParentClosePolicy, protocol.ParentCloseTerminate), TaskCompletedID: task,
		})
	case protocol.SignalExternalWorkflowExecution:
		w.add(protocol.SignalExternalWorkflowExecutionInitiated{
			WorkflowID: c.WorkflowID, RunID: c.RunID, FirstRunID: c.FirstRunID, SignalName: c.SignalName, Input: c.Input,
			Headers: c.Headers, TaskCompletedID: task,
		})
	case protocol.RequestCancelExternalWorkflowExecution:
		e := protocol.RequestCancelExternalWorkflowExecutionInitiated{
			WorkflowID: c.WorkflowID, RunID: c.RunID, ChildInitiatedID: c.ChildInitiatedID, Reason: c.Reason, TaskCompletedID: task,
		}
		if id := c.ChildInitiatedID; id != 0 {
			_, child := w.child(func(at int64, _ asked) bool { return at == id })
			e.WorkflowID, e.FirstRunID = child.WorkflowID, child.RunID
		}
		w.add(e)
	}
}

type asked = protocol.StartChildWorkflowExecutionInitiated

// child finds the last child that was asked for and fits.
func (w *World) child(fits func(int64, asked) bool) (int64, asked) {
	for _, e := range slices.Backward(w.History) {
		if a, ok := e.Attributes.(asked); ok && fits(e.ID, a) {
			return e.ID, a
		}
	}
	panic("replaytest: there is no such child")
}

func (w *World) childOf(id string) (int64, asked) {
	return w.child(func(_ int64, a asked) bool { return a.WorkflowID == id })
}

// StartedChild records that a child began.
func (w *World) StartedChild(id string) {
	at, a := w.childOf(id)
	w.input(protocol.ChildWorkflowExecutionStarted{
		WorkflowID: id, RunID: a.RunID, WorkflowType: a.WorkflowType, InitiatedID: at,
	})
}

// RefuseChild records that a child's ID was taken.
func (w *World) RefuseChild(id string) {
	at, a := w.childOf(id)
	w.input(protocol.StartChildWorkflowExecutionFailed{
		WorkflowID: id, WorkflowType: a.WorkflowType, InitiatedID: at,
		Cause: protocol.Errorf(protocol.CodeAlreadyStarted, "workflow %q is running already", id),
	})
}

// CompleteChild records a child's result.
func (w *World) CompleteChild(id string, v any) {
	at, a := w.childOf(id)
	w.input(protocol.ChildWorkflowExecutionCompleted{
		WorkflowID: id, RunID: a.RunID, WorkflowType: a.WorkflowType, InitiatedID: at, Result: encode(v),
	})
}

// FailChild records a child's failure.
func (w *World) FailChild(id string, f *protocol.Failure) {
	at, a := w.childOf(id)
	w.input(protocol.ChildWorkflowExecutionFailed{
		WorkflowID: id, RunID: a.RunID, WorkflowType: a.WorkflowType, InitiatedID: at, Failure: f,
	})
}

// CancelChild records that a child accepted its cancellation.
func (w *World) CancelChild(id string) {
	at, a := w.childOf(id)
	w.input(protocol.ChildWorkflowExecutionCanceled{
		WorkflowID: id, RunID: a.RunID, WorkflowType: a.WorkflowType, InitiatedID: at,
		Failure: protocol.CanceledError("the workflow was canceled"),
	})
}

// AnswerExternal records what became of the last signal or cancellation that was sent to another workflow and has no answer; refused is
// why it was refused, nil that it was not.
func (w *World) AnswerExternal(id string, refused *protocol.Error) {
	for _, x := range slices.Backward(w.Externals()) {
		switch {
		case x.ID != id:
			continue
		case x.Signal:
			w.answerSignal(id, x.Event, refused)
		default:
			w.answerCancel(id, x.Event, refused)
		}
		return
	}
	panic(fmt.Sprintf("replaytest: nothing was sent to %q", id))
}

func (w *World) answerSignal(id string, at int64, refused *protocol.Error) {
	if refused != nil {
		w.input(protocol.SignalExternalWorkflowExecutionFailed{WorkflowID: id, InitiatedID: at, Cause: refused})
		return
	}
	w.input(protocol.ExternalWorkflowExecutionSignaled{WorkflowID: id, RunID: "other", InitiatedID: at})
}

func (w *World) answerCancel(id string, at int64, refused *protocol.Error) {
	if refused != nil {
		w.input(protocol.RequestCancelExternalWorkflowExecutionFailed{WorkflowID: id, InitiatedID: at, Cause: refused})
		return
	}
	w.input(protocol.ExternalWorkflowExecutionCancelRequested{WorkflowID: id, RunID: "other", InitiatedID: at})
}

// OpenChild is a child that has not ended.
type OpenChild struct {
	ID    string
	Event int64
	Began bool
}

// Children lists the children that have not ended, oldest first.
func (w *World) Children() []OpenChild {
	var open []OpenChild
	at := func(event int64) int {
		return slices.IndexFunc(open, func(c OpenChild) bool { return c.Event == event })
	}
	for _, e := range w.History {
		if end, ok := protocol.ChildEnded(e.Attributes); ok {
			open = slices.Delete(open, at(end.InitiatedID), at(end.InitiatedID)+1)
		}
		switch a := e.Attributes.(type) {
		case asked:
			open = append(open, OpenChild{ID: a.WorkflowID, Event: e.ID})
		case protocol.ChildWorkflowExecutionStarted:
			open[at(a.InitiatedID)].Began = true
		case protocol.StartChildWorkflowExecutionFailed:
			open = slices.Delete(open, at(a.InitiatedID), at(a.InitiatedID)+1)
		}
	}
	return open
}

// External is a signal, or a cancellation, that has no answer.
type External struct {
	ID     string
	Event  int64
	Signal bool
}

// Externals lists what was sent to other workflows and has no answer, oldest first.
func (w *World) Externals() []External {
	var open []External
	answered := func(event int64) {
		open = slices.DeleteFunc(open, func(x External) bool { return x.Event == event })
	}
	for _, e := range w.History {
		switch a := e.Attributes.(type) {
		case protocol.SignalExternalWorkflowExecutionInitiated:
			open = append(open, External{ID: a.WorkflowID, Event: e.ID, Signal: true})
		case protocol.RequestCancelExternalWorkflowExecutionInitiated:
			open = append(open, External{ID: a.WorkflowID, Event: e.ID})
		case protocol.ExternalWorkflowExecutionSignaled:
			answered(a.InitiatedID)
		case protocol.SignalExternalWorkflowExecutionFailed:
			answered(a.InitiatedID)
		case protocol.ExternalWorkflowExecutionCancelRequested:
			answered(a.InitiatedID)
		case protocol.RequestCancelExternalWorkflowExecutionFailed:
			answered(a.InitiatedID)
		}
	}
	return open
}
