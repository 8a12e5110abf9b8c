package machine

import (
	"cmp"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// describeChildren tells of the children that are open, and of what was asked of other workflows and has no answer.
func (r *Run) describeChildren(d *protocol.Description) {
	r.children.each(func(event int64, c Child) {
		p := protocol.PendingChild{
			InitiatedID: event, ID: c.WorkflowID, Type: c.WorkflowType, Queue: c.Queue, Initiated: c.Initiated,
			ParentClosePolicy: c.ParentClosePolicy,
		}
		if c.Started != 0 {
			p.Run = c.RunID
		}
		d.Children = append(d.Children, p)
	})
	r.externals.each(func(event int64, x External) {
		d.Externals = append(d.Externals, protocol.PendingExternal{InitiatedID: event, Kind: x.Kind, ID: x.Workflow, Signal: x.Signal})
	})
	slices.SortFunc(d.Children, func(a, b protocol.PendingChild) int { return cmp.Compare(a.InitiatedID, b.InitiatedID) })
	slices.SortFunc(d.Externals, func(a, b protocol.PendingExternal) int { return cmp.Compare(a.InitiatedID, b.InitiatedID) })
}
