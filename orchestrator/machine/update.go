package machine

import (
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// maxOffered and maxOfferedBytes bound the updates of one workflow task. What is beyond waits for the next one, so that no number
// of updates makes a task that no message can carry.
const (
	maxOffered      = 1000
	maxOfferedBytes = 512 << 10
)

var errNoUpdate = protocol.Errorf(protocol.CodeBadRequest, "an update needs an ID and a name").
	WithHint(`"update_id": "u-1", "update": "approve"`)

// takeUpdate drafts an update: it becomes part of the workflow task, and history hears of it when its handler has accepted it, or
// when the step must be recorded without a worker's answer. The verdict waits for the end of the step.
func (t *Turn) takeUpdate(in protocol.Input, b protocol.UpdateInput, existing bool) {
	if b.UpdateID == "" || b.Name == "" {
		t.refuse(in, errNoUpdate)
		return
	}
	if err := protocol.ValidateToken("update ID", b.UpdateID); err != nil {
		t.refuse(in, protocol.AsError(err))
		return
	}
	if run, before := t.run.took(b.RequestID); before && run != t.run.ID() {
		// Whether the run's code has seen it, that run knows: ask it.
		t.reply(in, protocol.Verdict{Run: run, Update: &protocol.UpdateOutcome{ID: b.UpdateID, Stage: protocol.UpdateAdmitted}})
		return
	}
	known := t.run != nil && (b.Run == "" || b.Run == t.run.ID()) && t.run.updates.has(b.UpdateID)
	if !known && !t.target(in, b.Run, "") {
		return
	}
	if !t.hasCode(in, "takes no updates", "`millrace activity` shows what can be done to it") {
		return
	}
	t.askers = append(slices.Clip(t.askers), asker{input: in, update: b.UpdateID, existing: existing})
	if !known && !t.drafted(b.UpdateID) {
		t.fresh = append(slices.Clip(t.fresh), b.UpdateCall)
		t.wanted = true
	}
}

// asker is an input that wants to know what becomes of an update.
type asker struct {
	input    protocol.Input
	update   string
	existing bool // it is a start that found its run open
}

// drafted reports whether the step has the update already.
func (t *Turn) drafted(id string) bool {
	return slices.ContainsFunc(t.fresh, func(u protocol.UpdateCall) bool { return u.UpdateID == id })
}

// updates are the ones to offer with the workflow task: those that wait in history, then the new ones, as many as one message
// carries.
func (t *Turn) updates() []protocol.UpdateCall {
	var calls []protocol.UpdateCall
	for _, u := range t.run.unfinished() {
		if u.Outcome.Stage == protocol.UpdateAdmitted {
			calls = append(calls, u.Call)
		}
	}
	calls = append(calls, t.fresh...)
	n, size := 0, 0
	for n < min(len(calls), maxOffered) {
		if size += len(calls[n].Input.Data); size > maxOfferedBytes && n > 0 {
			break
		}
		n++
	}
	return calls[:n:n]
}

func (t *Turn) acceptUpdate(c protocol.AcceptUpdate, task int64) error {
	i := slices.IndexFunc(t.delivered, func(u protocol.UpdateCall) bool { return u.UpdateID == c.UpdateID })
	if u, ok := t.run.updates.get(c.UpdateID); i < 0 || ok && u.Outcome.Stage != protocol.UpdateAdmitted {
		return fmt.Errorf("no update %q was offered", c.UpdateID)
	}
	t.event(protocol.WorkflowExecutionUpdateAccepted{Request: t.delivered[i], TaskCompletedID: task})
	return nil
}

func (t *Turn) completeUpdate(c protocol.CompleteUpdate, task int64) error {
	u, ok := t.run.updates.get(c.UpdateID)
	if !ok || u.Outcome.Stage != protocol.UpdateAccepted {
		return fmt.Errorf("update %q is not at work", c.UpdateID)
	}
	t.event(protocol.WorkflowExecutionUpdateCompleted{
		UpdateID: c.UpdateID, AcceptedID: u.Accepted, Result: c.Result, Failure: c.Failure, TaskCompletedID: task,
	})
	return nil
}

func (t *Turn) rejectUpdate(c protocol.RejectUpdate, task int64) error {
	u, ok := t.run.updates.get(c.UpdateID)
	if !ok || u.Outcome.Stage != protocol.UpdateAdmitted {
		return fmt.Errorf("update %q does not wait for an answer in history", c.UpdateID)
	}
	if c.Failure == nil {
		return fmt.Errorf("the failure is missing")
	}
	t.event(protocol.WorkflowExecutionUpdateRejected{
		UpdateID: c.UpdateID, AdmittedID: u.Admitted, Failure: c.Failure, TaskCompletedID: task,
	})
	return nil
}

// settleUpdates takes every update that was offered and not accepted for rejected: by the worker's word, or because the worker did
// not answer for it. Those that were not offered wait for the next workflow task, which is asked for at once.
func (t *Turn) settleUpdates(a *protocol.WorkflowTaskAnswer, task int64) {
	if !t.run.Open() {
		return
	}
	why := make(map[string]*protocol.Failure, len(a.Rejections))
	for _, r := range a.Rejections {
		why[r.UpdateID] = r.Failure
	}
	t.rejected = make(map[string]*protocol.Failure)
	for _, call := range t.delivered {
		f := why[call.UpdateID]
		if f == nil {
			f = protocol.RejectedError(call, fmt.Errorf("the worker %s did not answer for it: it does not know updates", a.Worker))
		}
		switch u, ok := t.run.updates.get(call.UpdateID); {
		case !ok:
			t.rejected[call.UpdateID] = f
		case u.Outcome.Stage == protocol.UpdateAdmitted:
			t.event(protocol.WorkflowExecutionUpdateRejected{
				UpdateID: call.UpdateID, AdmittedID: u.Admitted, Failure: f, TaskCompletedID: task,
			})
		}
	}
	if t.admit(); t.run.admitted > 0 {
		t.event(protocol.WorkflowTaskScheduled{Queue: t.run.callQueue(), Timeout: t.run.taskTimeout(), Attempt: 1})
	}
}

// onlyRejects reports whether the answer leaves nothing to record: the step has no other input than updates, and the run's code
// refused them all.
func (t *Turn) onlyRejects(a *protocol.WorkflowTaskAnswer) bool {
	return len(t.events) == 0 && !t.run.wants() && t.run.TaskScheduled == 0 && len(a.Commands) == 0 &&
		len(t.delivered) == len(t.fresh)
}

// admit makes the updates durable that no worker has answered for. Their inputs are about to be consumed.
func (t *Turn) admit() {
	if t.run == nil || !t.run.Open() {
		return
	}
	for _, call := range t.fresh {
		if _, refused := t.rejected[call.UpdateID]; !refused && !t.run.updates.has(call.UpdateID) {
			t.event(protocol.WorkflowExecutionUpdateAdmitted{Request: call})
		}
	}
}

// answerAskers says what became of the updates of this step.
func (t *Turn) answerAskers() {
	for _, a := range t.askers {
		if v, ok := t.run.UpdateVerdict(a.update); ok {
			v.Existing = a.existing
			t.reply(a.input, v)
			continue
		}
		if f, ok := t.rejected[a.update]; ok {
			t.reply(a.input, protocol.Verdict{Run: t.run.ID(), Existing: a.existing, Update: &protocol.UpdateOutcome{
				ID: a.update, Stage: protocol.UpdateRejected, Failure: f,
			}})
			continue
		}
		t.refuse(a.input, t.run.unseen(a.update))
	}
}

// unseen is the error of an update that the run ended without having seen. Whoever asked can ask the next run, if there is one.
func (r *Run) unseen(update string) *protocol.Error {
	err := protocol.Errorf(protocol.CodeClosed, "workflow %q ended before it saw the update %q", r.Start.WorkflowID, update)
	if r.next == nil {
		return err.WithHint("`millrace show %s` tells how it ended", r.Start.WorkflowID)
	}
	err.Run = r.next.RunID
	return err.WithHint("another run follows: ask again")
}

// readmit makes an update of the run that was reset wait for the code of the new one, unless it waits there already, or its asker
// has heard that it was rejected.
func (t *Turn) readmit(call protocol.UpdateCall, rejected map[string]bool) {
	if !rejected[call.UpdateID] && !t.run.updates.has(call.UpdateID) {
		t.event(protocol.WorkflowExecutionUpdateAdmitted{Request: call})
	}
}

// rejectedIn are the updates that were rejected in some events.
func rejectedIn(events []protocol.Event) map[string]bool {
	rejected := map[string]bool{}
	for _, e := range events {
		if a, ok := e.Attributes.(protocol.WorkflowExecutionUpdateRejected); ok {
			rejected[a.UpdateID] = true
		}
	}
	return rejected
}
