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
	tells = append(tells, r.tellChildren(record.Events[0].ID)...)
	if p := r.Start.Parent; p != nil && r.next == nil {
		tells = append(tells, Tell{
			Workflow: p.Workflow, ID: protocol.MessageID(protocol.KindChild, p.Run, p.Event),
			Body: protocol.ChildInput{Run: p.Run, InitiatedID: p.Event, Outcome: *r.Outcome},
		})
	}
	return tells
}

// tellChildren is what the end of a run means to its children. One that was asked for in the very record that ends the run, whose first
// event is given, was never started.
func (r *Run) tellChildren(first int64) []Tell {
	var open []Child
	r.children.each(func(event int64, c Child) {
		if event < first {
			open = append(open, c)
		}
	})
	slices.SortFunc(open, func(a, b Child) int { return cmp.Compare(a.Event, b.Event) })
	var tells []Tell
	for _, c := range open {
		run := protocol.ChildRunID(r.ID(), c.Event)
		switch c.ParentClosePolicy {
		case protocol.ParentCloseAbandon:
		case protocol.ParentCloseRequestCancel:
			tells = append(tells, Tell{
				Workflow: c.WorkflowID, ID: closeID(r.ID(), c.Event),
				Body: protocol.CancelInput{FirstRun: run, Reason: parentEnded, RequestID: closeID(r.ID(), c.Event), Identity: r.identity()},
			})
		default:
			tells = append(tells, Tell{
				Workflow: c.WorkflowID, ID: closeID(r.ID(), c.Event),
				Body: protocol.TerminateInput{FirstRun: run, Reason: parentEnded, Identity: r.identity()},
			})
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
	run := protocol.ChildRunID(r.ID(), c.Event)
	return Tell{
		Workflow: c.WorkflowID, ID: protocol.MessageID(protocol.KindStart, r.ID(), c.Event),
		Body: protocol.StartInput{
			Type: c.WorkflowType, ID: c.WorkflowID, Queue: c.Queue, Input: c.Input, Run: run, RequestID: run, Reuse: c.Reuse,
			ExecutionTimeout: c.ExecutionTimeout, RunTimeout: c.RunTimeout, TaskTimeout: c.TaskTimeout,
			RetryPolicy: c.RetryPolicy, Memo: c.Memo, Headers: c.Headers, Identity: r.identity(),
			From: origin, Parent: origin, Root: root,
		},
	}
}

func (r *Run) tellSignal(event int64, a protocol.SignalExternalWorkflowExecutionInitiated) Tell {
	id := protocol.MessageID(protocol.KindSignal, r.ID(), event)
	return Tell{Workflow: a.WorkflowID, ID: id, Body: protocol.SignalInput{
		Run: a.RunID, FirstRun: a.FirstRunID, Name: a.SignalName, Input: a.Input, RequestID: id, Identity: r.identity(),
		From: r.origin(event),
	}}
}

func (r *Run) tellCancel(event int64, a protocol.RequestCancelExternalWorkflowExecutionInitiated) Tell {
	id := protocol.MessageID(protocol.KindCancel, r.ID(), event)
	return Tell{Workflow: a.WorkflowID, ID: id, Body: protocol.CancelInput{
		Run: a.RunID, FirstRun: a.FirstRunID, Reason: a.Reason, RequestID: id, Identity: r.identity(), From: r.origin(event),
	}}
}

// origin says that the run asked, by an event of its own.
func (r *Run) origin(event int64) *protocol.Origin {
	return &protocol.Origin{Workflow: r.Start.WorkflowID, Run: r.ID(), Event: event}
}

// identity is how the run signs what it tells others.
func (r *Run) identity() string { return "workflow " + r.Start.WorkflowID }
