package main

import (
	"fmt"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// describeOthers shows what the run has to do with other workflows.
func (a *app) describeOthers(d protocol.Description) {
	if p := d.Parent; p != nil {
		fmt.Fprintf(a.out, "child of  %s, run %s\n", p.Workflow, p.Run)
	}
	for _, c := range d.Children {
		state := "run " + c.Run
		if c.Run == "" {
			state = "not known to have begun"
		}
		fmt.Fprintf(a.out, "child     %s %s, %s, asked for %s ago\n", c.ID, c.Type, state, ago(c.Initiated))
	}
	for _, x := range d.Externals {
		fmt.Fprintf(a.out, "waits     for %s to take a %s\n", x.ID, strings.TrimSpace(string(x.Kind)+" "+x.Signal))
	}
}

// detailsOfOthers says what matters about an event that concerns other workflows.
func detailsOfOthers(attributes protocol.EventAttributes) string {
	if end, ok := protocol.ChildEnded(attributes); ok {
		if end.Failure != nil {
			return words(fmt.Sprintf("of %d", end.InitiatedID), end.Failure.Error())
		}
		return words(fmt.Sprintf("of %d", end.InitiatedID), payloadText(end.Result))
	}
	switch v := attributes.(type) {
	case protocol.StartChildWorkflowExecutionInitiated:
		return words(v.WorkflowID, v.WorkflowType, payloadText(v.Input))
	case protocol.StartChildWorkflowExecutionFailed:
		return words(fmt.Sprintf("of %d", v.InitiatedID), v.Cause.Message)
	case protocol.ChildWorkflowExecutionStarted:
		return words(fmt.Sprintf("of %d", v.InitiatedID), v.WorkflowID)
	case protocol.SignalExternalWorkflowExecutionInitiated:
		return words(v.SignalName, "to", v.WorkflowID, payloadText(v.Input))
	case protocol.SignalExternalWorkflowExecutionFailed:
		return words(fmt.Sprintf("of %d", v.InitiatedID), v.Cause.Message)
	case protocol.ExternalWorkflowExecutionSignaled:
		return fmt.Sprintf("of %d", v.InitiatedID)
	case protocol.RequestCancelExternalWorkflowExecutionInitiated:
		return words(v.WorkflowID, v.Reason)
	case protocol.RequestCancelExternalWorkflowExecutionFailed:
		return words(fmt.Sprintf("of %d", v.InitiatedID), v.Cause.Message)
	case protocol.ExternalWorkflowExecutionCancelRequested:
		return fmt.Sprintf("of %d", v.InitiatedID)
	}
	return ""
}

// childEnds are the words for how a child ended.
var childEnds = map[protocol.Status]string{
	protocol.StatusFailed: "failed", protocol.StatusCanceled: "canceled", protocol.StatusTimedOut: "timed out",
	protocol.StatusTerminated: "terminated",
}

// childBar says what an event means to the bar of a child: with a name, it begins one; with an ID alone, it ends the one which that
// event began.
func childBar(attributes protocol.EventAttributes) (id int64, name, how string) {
	if end, ok := protocol.ChildEnded(attributes); ok {
		return end.InitiatedID, "", childEnds[end.How]
	}
	switch v := attributes.(type) {
	case protocol.StartChildWorkflowExecutionInitiated:
		return 0, "child " + v.WorkflowType + " " + v.WorkflowID, ""
	case protocol.StartChildWorkflowExecutionFailed:
		return v.InitiatedID, "", "not started"
	}
	return 0, "", ""
}
