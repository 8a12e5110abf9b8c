package verdict

import "github.com/millrace-dev/millrace/protocol"

// related judges that parents and children say the same of each other.
func related(d *docket) (found findings) {
	d.each(func(h *History, r *Run) {
		children := map[int64]protocol.StartChildWorkflowExecutionInitiated{}
		waiting := map[int64]string{} // the first runs of children that began, and whose end the parent has not heard of
		for _, e := range r.Events {
			switch a := e.Attributes.(type) {
			case protocol.StartChildWorkflowExecutionInitiated:
				children[e.ID] = a
			case protocol.ChildWorkflowExecutionStarted:
				waiting[a.InitiatedID] = a.RunID
				d.began(&found, h, r, a)
			default:
				if end, ok := protocol.ChildEnded(a); ok {
					delete(waiting, end.InitiatedID)
					d.agree(&found, h, r, end)
				}
			}
		}
		for event, run := range waiting {
			d.after(&found, h, r, children[event], run)
		}
		if p := r.Start.Parent; p != nil && r.Start.PreviousRunID == "" {
			d.wanted(&found, h, r, p)
		}
	})
	return found
}

// began judges a child of which its parent says that it has begun.
func (d *docket) began(found *findings, h *History, r *Run, a protocol.ChildWorkflowExecutionStarted) {
	child := d.runs[a.RunID]
	switch {
	case child == nil:
		found.addf(Related, h.ID, r.ID, "child %s began as run %s, and there is no such run", a.WorkflowID, a.RunID)
	case child.Start.Parent == nil || child.Start.Parent.Run != r.ID || child.Start.Parent.Event != a.InitiatedID:
		found.addf(Related, h.ID, r.ID, "child %s began as run %s, which has another parent", a.WorkflowID, a.RunID)
	}
}

// agree judges what a parent says of the end of a child.
func (d *docket) agree(found *findings, h *History, r *Run, end protocol.ChildEnd) {
	child := d.runs[end.Run]
	switch {
	case child == nil:
		found.addf(Related, h.ID, r.ID, "the child of event %d ended as run %s, and there is no such run", end.InitiatedID, end.Run)
	case child.Status != end.How:
		found.addf(Related, h.ID, r.ID, "the child of event %d is %s, and its parent heard %s", end.InitiatedID, child.Status, end.How)
	case child.Result.Digest() != end.Result.Digest():
		found.addf(Related, h.ID, r.ID, "the child of event %d came to %s, and its parent heard %s",
			end.InitiatedID, child.Result, end.Result)
	}
}

// after judges a child of whose end its parent did not hear: the parent must have ended before.
func (d *docket) after(found *findings, h *History, r *Run, asked protocol.StartChildWorkflowExecutionInitiated, run string) {
	if child := d.end(run); child != nil && !r.Status.Closed() {
		found.addf(Related, h.ID, r.ID, "child %s has ended, and its parent did not hear of it", asked.WorkflowID)
	}
}

// wanted judges a child by what its parent asked for.
func (d *docket) wanted(found *findings, h *History, r *Run, p *protocol.Origin) {
	parent := d.runs[p.Run]
	if parent == nil || d.workflows[p.Run] != p.Workflow || int64(len(parent.Events)) < p.Event {
		found.addf(Related, h.ID, r.ID, "the run says that it is a child of run %s of %s, which does not know of it", p.Run, p.Workflow)
		return
	}
	asked, ok := parent.Events[p.Event-1].Attributes.(protocol.StartChildWorkflowExecutionInitiated)
	if !ok || asked.RunID != r.ID || asked.WorkflowID != h.ID {
		found.addf(Related, h.ID, r.ID, "the run says that event %d of %s asked for it, which it did not", p.Event, p.Workflow)
	}
}
