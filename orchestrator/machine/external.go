package machine

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

// External is a signal or a cancellation that was sent to another workflow and has no answer.
type External struct {
	Event    int64
	Kind     protocol.InputKind // signal or cancel
	Workflow string
	Signal   string

	request protocol.EventAttributes
}

func (t *Turn) signalExternal(c protocol.SignalExternalWorkflowExecution, task int64) error {
	if err := protocol.ValidateID("workflow ID", c.WorkflowID); err != nil {
		return err
	}
	if c.SignalName == "" {
		return fmt.Errorf("the signal has no name")
	}
	t.event(protocol.SignalExternalWorkflowExecutionInitiated{
		WorkflowID: c.WorkflowID, RunID: c.RunID, FirstRunID: c.FirstRunID, SignalName: c.SignalName, Input: c.Input, Headers: c.Headers,
		RequestID: protocol.MessageID(protocol.KindSignal, t.run.ID(), t.run.LastEvent+1), TaskCompletedID: task,
	})
	return nil
}

func (t *Turn) cancelExternal(c protocol.RequestCancelExternalWorkflowExecution, task int64) error {
	if c.ChildInitiatedID != 0 {
		if err := t.cancelChild(&c); err != nil {
			return err
		}
	}
	if err := protocol.ValidateID("workflow ID", c.WorkflowID); err != nil {
		return err
	}
	t.event(protocol.RequestCancelExternalWorkflowExecutionInitiated{
		WorkflowID: c.WorkflowID, RunID: c.RunID, FirstRunID: c.FirstRunID, ChildInitiatedID: c.ChildInitiatedID,
		Reason: c.Reason, RequestID: protocol.MessageID(protocol.KindCancel, t.run.ID(), t.run.LastEvent+1), TaskCompletedID: task,
	})
	return nil
}

// takeAnswer drafts what became of something that this run asked of another workflow. An answer that comes twice, or to a run that has
// ended, finds nothing that waits for it.
func (t *Turn) takeAnswer(b protocol.AnswerInput) {
	if !t.run.Open() {
		t.disown(b)
		return
	}
	if c, ok := t.run.asked(b.Run, b.Event); ok {
		t.childAnswer(c, b.Verdict)
	} else if x, ok := t.run.externals.get(b.Event); ok && b.Run == t.run.ID() {
		t.event(x.answered(b.Verdict))
	} else {
		t.disown(b)
	}
}

// answered is the event that says what became of a signal or a cancellation.
func (x External) answered(v protocol.Verdict) protocol.EventAttributes {
	switch {
	case x.Kind == protocol.KindSignal && v.Error == nil:
		return protocol.ExternalWorkflowExecutionSignaled{WorkflowID: x.Workflow, RunID: v.Run, InitiatedID: x.Event}
	case x.Kind == protocol.KindSignal:
		return protocol.SignalExternalWorkflowExecutionFailed{WorkflowID: x.Workflow, InitiatedID: x.Event, Cause: v.Error}
	case v.Error == nil:
		return protocol.ExternalWorkflowExecutionCancelRequested{WorkflowID: x.Workflow, RunID: v.Run, InitiatedID: x.Event}
	}
	return protocol.RequestCancelExternalWorkflowExecutionFailed{WorkflowID: x.Workflow, InitiatedID: x.Event, Cause: v.Error}
}

func (r *Run) applyExternal(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.SignalExternalWorkflowExecutionInitiated:
		r.externals.put(e.ID, External{Event: e.ID, Kind: protocol.KindSignal, Workflow: a.WorkflowID, Signal: a.SignalName, request: a})
	case protocol.RequestCancelExternalWorkflowExecutionInitiated:
		r.externals.put(e.ID, External{Event: e.ID, Kind: protocol.KindCancel, Workflow: a.WorkflowID, request: a})
	case protocol.ExternalWorkflowExecutionSignaled:
		r.answered(a.InitiatedID)
	case protocol.SignalExternalWorkflowExecutionFailed:
		r.answered(a.InitiatedID)
	case protocol.ExternalWorkflowExecutionCancelRequested:
		r.answered(a.InitiatedID)
	case protocol.RequestCancelExternalWorkflowExecutionFailed:
		r.answered(a.InitiatedID)
	}
}

func (r *Run) answered(initiated int64) {
	r.dirty = true
	r.externals.del(initiated)
}
