package machine

import "github.com/millrace-dev/millrace/protocol"

// QueryTask is a question to the worker that has the run in its cache, or nil when no code of the run has run yet.
func (w *Workflow) QueryTask(q *protocol.WorkflowQuery, timeout protocol.Duration) *protocol.WorkflowTask {
	r := w.Run
	if r.Base == "" {
		return nil
	}
	t := &protocol.WorkflowTask{
		Workflow: w.ID, Run: r.ID(), Type: r.Start.WorkflowType, Queue: r.callQueue(), Attempt: 1, Base: r.Base, Query: q, Timeout: timeout,
	}
	if len(r.Tail) > 0 {
		t.After = r.Tail[0].ID - 1
	}
	return t
}
