package machine

import (
	"fmt"
	"strconv"

	"github.com/millrace-dev/millrace/protocol"
)

// parent is who starts and signals the workflow of these stories, when it is another one.
var parent = protocol.Origin{Workflow: "day-7", Run: "run-of-day-7", Event: 5}

// othersArrive puts into the inbox what other workflows say. The run is this workflow's.
//
//	childstart               day-7 starts this workflow as its child
//	asked [FIRST]            day-7 signals this workflow, perhaps only the chain of runs that began with FIRST
//	told EVENT [CODE]        what this run asked of another workflow by an event was accepted, or refused
//	begun EVENT              the child of an event was started
//	childend EVENT [STATUS]  a child has ended
func (s *story) othersArrive(f []string, run string) bool {
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	event, _ := strconv.ParseInt(arg(1), 10, 64)
	switch f[0] {
	case "childstart":
		id := protocol.ChildRunID(parent.Run, parent.Event)
		s.w.asked(protocol.StartInput{
			Type: "shop.Order", Queue: "orders", Run: "run-1", RequestID: id, From: &parent, Parent: &parent,
			Root: &protocol.Execution{Workflow: parent.Workflow, Run: parent.Run},
		})
	case "asked":
		s.w.asked(protocol.SignalInput{Name: "go", FirstRun: arg(1), RequestID: fmt.Sprintf("from-day-7-%d", s.w.seq), From: &parent})
	case "told":
		v := protocol.Verdict{ID: "other", Run: "run-of-other"}
		if arg(2) != "" {
			v = protocol.Verdict{ID: "other", Error: protocol.Errorf(protocol.Code(arg(2)), "no")}
		}
		s.w.asked(protocol.AnswerInput{Run: run, Event: event, Verdict: v})
	case "begun":
		s.w.asked(protocol.AnswerInput{Run: run, Event: event, Verdict: protocol.Verdict{ID: "other", Run: protocol.ChildRunID(run, event)}})
	case "childend":
		o := protocol.Outcome{ID: "other", Run: "run-of-other", Status: protocol.StatusCompleted, Result: protocol.Payload{Data: []byte(`"sent"`)}}
		if arg(2) != "" {
			o = protocol.Outcome{ID: "other", Run: "run-of-other", Status: protocol.Status(arg(2)), Failure: &protocol.Failure{Message: "no"}}
		}
		s.w.asked(protocol.ChildInput{Run: run, InitiatedID: event, Outcome: o})
	default:
		return false
	}
	return true
}

// asked is arrive for an input that no client waits for.
func (w *world) asked(body protocol.InputBody) {
	w.arrive(body, "")
	w.waiting[len(w.waiting)-1].Reply = ""
}

// otherCommand is a command that concerns other workflows:
//
//	child ID  stay ID (it is abandoned when the run ends)  leave ID (it is asked to stop)
//	unchild EVENT  ask ID (a signal)  halt ID (a cancellation)
func otherCommand(word, id string) protocol.CommandAttributes {
	start := protocol.StartChildWorkflowExecution{WorkflowID: id, WorkflowType: "shop.Mail"}
	switch word {
	case "child":
		return start
	case "stay":
		start.ParentClosePolicy = protocol.ParentCloseAbandon
		return start
	case "leave":
		start.ParentClosePolicy = protocol.ParentCloseRequestCancel
		return start
	case "unchild":
		event, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			panic(err)
		}
		return protocol.RequestCancelExternalWorkflowExecution{ChildInitiatedID: event}
	case "ask":
		return protocol.SignalExternalWorkflowExecution{WorkflowID: id, SignalName: "go"}
	case "halt":
		return protocol.RequestCancelExternalWorkflowExecution{WorkflowID: id, Reason: "enough"}
	}
	return nil
}

// told is what another workflow is told.
func told(t Tell) string {
	s := fmt.Sprintf("%s (%s) ", t.Workflow, t.ID)
	switch b := t.Body.(type) {
	case protocol.StartInput:
		return s + "to start " + b.Type + " as " + b.Run
	case protocol.SignalInput:
		return s + "the signal " + b.Name
	case protocol.CancelInput:
		return s + "to stop, first run " + b.FirstRun + ": " + b.Reason
	case protocol.TerminateInput:
		return s + "to end, first run " + b.FirstRun + ": " + b.Reason
	case protocol.AnswerInput:
		if b.Verdict.Error != nil {
			return s + fmt.Sprintf("that event %d was refused, %s: %s", b.Event, b.Verdict.Error.Code, b.Verdict.Error.Message)
		}
		s += fmt.Sprintf("that event %d was accepted by %s", b.Event, b.Verdict.Run)
		if o := b.Verdict.Outcome; o != nil {
			s += ", which is " + string(o.Status)
		}
		return s
	case protocol.ChildInput:
		return s + fmt.Sprintf("that the child of event %d is %s", b.InitiatedID, b.Outcome.Status)
	}
	return s + text(t.Body)
}

func (s *story) showOthers(d protocol.Description) {
	for _, c := range d.Children {
		s.say("child %s of event %d: run %q", c.ID, c.InitiatedID, c.Run)
	}
	for _, x := range d.Externals {
		s.say("%s to %s of event %d", x.Kind, x.ID, x.InitiatedID)
	}
}
