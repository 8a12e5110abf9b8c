package machine

import (
	"cmp"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Tell is an input for another workflow, or for this one: what a run wants of others goes through their inboxes, whatever their shard.
type Tell struct {
	Workflow string
	Body     protocol.InputBody
	// ID is the message ID. It is derived, so that what is told again after a crash is stored once.
	ID string
}

// tells lists what the events of a record tell other workflows, in their order: a child is started before it is signaled. What ends
// with the run comes last.
func (r *Run) tells(record *protocol.Record) []Tell {
	var tells []Tell
	for _, e := range record.Events {
		switch a := e.Attributes.(type) {
		case protocol.StartChildWorkflowExecutionInitiated:
			if c, ok := r.children.get(e.ID); ok && (r.Open() || a.ParentClosePolicy == protocol.ParentCloseAbandon) {
				tells = append(tells, r.tellStart(c))
			}
		case protocol.SignalExternalWorkflowExecutionInitiated:
			tells = append(tells, r.tellSignal(e.ID, a))
		case protocol.RequestCancelExternalWorkflowExecutionInitiated:
			tells = append(tells, r.tellCancel(e.ID, a))
		}
	}
	if r.Open() {
		return tells
	}
	return append(tells, r.tellEnd(record)...)
}

// tellEnd is what the record that ended the run means to its children and to its parent. All of it names runs, so it can be told at any
// time.
func (r *Run) tellEnd(record *protocol.Record) []Tell {
	tells := r.tellChildren(record)
	if p := r.Start.Parent; p != nil && r.Outcome.Next == "" {
		tells = append(tells, Tell{
			Workflow: p.Workflow, ID: protocol.MessageID(protocol.KindChild, p.Run, p.Event),
			Body: protocol.ChildInput{Run: p.Run, InitiatedID: p.Event, Outcome: *r.Outcome},
		})
	}
	return tells
}

// tellChildren is what the record that ended the run means to its children. One that was asked for in this very record was never
// started. One that a reset takes along has another parent from now on.
func (r *Run) tellChildren(record *protocol.Record) []Tell {
	taken := int64(0)
	if a, ok := record.Events[len(record.Events)-1].Attributes.(protocol.WorkflowExecutionTerminated); ok {
		taken = a.ResetID
	}
	var tells []Tell
	for _, c := range r.openChildren() {
		if c.Event <= taken || c.Event >= record.Events[0].ID {
			continue
		}
		t := Tell{Workflow: c.WorkflowID, ID: closeID(r.ID(), c.Event)}
		switch c.ParentClosePolicy {
		case protocol.ParentCloseAbandon:
			continue
		case protocol.ParentCloseRequestCancel:
			t.Body = protocol.CancelInput{FirstRun: c.RunID, Reason: parentEnded, RequestID: t.ID, Identity: r.identity()}
		default:
			t.Body = protocol.TerminateInput{FirstRun: c.RunID, Reason: parentEnded, Identity: r.identity()}
		}
		tells = append(tells, t)
	}
	return tells
}

func (r *Run) openChildren() []Child {
	var open []Child
	r.children.each(func(_ int64, c Child) { open = append(open, c) })
	slices.SortFunc(open, func(a, b Child) int { return cmp.Compare(a.Event, b.Event) })
	return open
}

// askAgain is what a run that a reset made asks others, because the answers that its predecessor got are not in its history. The
// requests are the same ones: a child or a signal is recognised, and the answer of a child that has ended says how.
func (r *Run) askAgain() []Tell {
	var tells []Tell
	for _, c := range r.openChildren() {
		tells = append(tells, r.tellStart(c))
	}
	var asked []External
	r.externals.each(func(_ int64, x External) { asked = append(asked, x) })
	slices.SortFunc(asked, func(a, b External) int { return cmp.Compare(a.Event, b.Event) })
	for _, x := range asked {
		switch a := x.request.(type) {
		case protocol.SignalExternalWorkflowExecutionInitiated:
			tells = append(tells, r.tellSignal(x.Event, a))
		case protocol.RequestCancelExternalWorkflowExecutionInitiated:
			tells = append(tells, r.tellCancel(x.Event, a))
		}
	}
	return tells
}

const parentEnded = "its parent has ended"

// closeID is the message ID of what a parent's end means to a child.
func closeID(run string, initiated int64) string { return protocol.MessageID("close", run, initiated) }

func (r *Run) tellStart(c Child) Tell {
	origin := r.origin(c.Event)
	root := r.Start.Root
	if root == nil {
		root = &protocol.Execution{Workflow: r.Start.WorkflowID, Run: r.ID()}
	}
	pinned := ""
	if c.Queue == r.Start.Queue {
		pinned = r.pinned // a child on its parent's queue stays with the same version of the code
	}
	return Tell{
		Workflow: c.WorkflowID, ID: protocol.MessageID(protocol.KindStart, r.ID(), c.Event),
		Body: protocol.StartInput{
			Type: c.WorkflowType, ID: c.WorkflowID, Queue: c.Queue, Input: c.Input, Run: c.RunID, RequestID: c.RunID, Reuse: c.Reuse,
			ExecutionTimeout: c.ExecutionTimeout, RunTimeout: c.RunTimeout, TaskTimeout: c.TaskTimeout,
			RetryPolicy: c.RetryPolicy, PinnedVersion: pinned, Memo: c.Memo, SearchAttributes: c.SearchAttributes,
			Headers: c.Headers, Identity: r.identity(),
			From: origin, Parent: origin, Root: root,
		},
	}
}

func (r *Run) tellSignal(event int64, a protocol.SignalExternalWorkflowExecutionInitiated) Tell {
	return Tell{Workflow: a.WorkflowID, ID: protocol.MessageID(protocol.KindSignal, r.ID(), event), Body: protocol.SignalInput{
		Run: a.RunID, FirstRun: a.FirstRunID, Name: a.SignalName, Input: a.Input, RequestID: a.RequestID, Identity: r.identity(),
		From: r.origin(event), Headers: a.Headers,
	}}
}

func (r *Run) tellCancel(event int64, a protocol.RequestCancelExternalWorkflowExecutionInitiated) Tell {
	return Tell{Workflow: a.WorkflowID, ID: protocol.MessageID(protocol.KindCancel, r.ID(), event), Body: protocol.CancelInput{
		Run: a.RunID, FirstRun: a.FirstRunID, Reason: a.Reason, RequestID: a.RequestID, Identity: r.identity(), From: r.origin(event),
	}}
}

// origin says that the run asked, by an event of its own.
func (r *Run) origin(event int64) *protocol.Origin {
	return &protocol.Origin{Workflow: r.Start.WorkflowID, Run: r.ID(), Event: event}
}

// identity is how the run signs what it tells others.
func (r *Run) identity() string { return "workflow " + r.Start.WorkflowID }
