package replaytest

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Update asks for an update: the next step offers it.
func (w *World) Update(id, name string, v any) {
	w.waiting = true
	w.fresh = append(w.fresh, protocol.UpdateCall{UpdateID: id, Name: name, Input: encode(v)})
}

// Admit records the updates that were asked for and that no step has offered, as happens when no worker is there.
func (w *World) Admit() {
	for _, call := range w.fresh {
		w.admitted = append(w.admitted, admitted{call, w.add(protocol.WorkflowExecutionUpdateAdmitted{Request: call})})
	}
	w.fresh = nil
}

// Updates counts the updates that were accepted and have not completed.
func (w *World) Updates() int { return len(w.accepted) }

// admitted is an update that waits in history.
type admitted struct {
	call  protocol.UpdateCall
	event int64
}

// Offered are the updates that the next step offers.
func (w *World) Offered() []protocol.UpdateCall {
	var calls []protocol.UpdateCall
	for _, a := range w.admitted {
		calls = append(calls, a.call)
	}
	return append(calls, w.fresh...)
}

// undo takes the events of a step back that is not recorded, because every update in it was refused.
func (w *World) undo() {
	w.History = w.History[:len(w.History)-2]
	w.waiting, w.fresh = false, nil
}

// checkUpdates panics if the run left an update without an answer.
func (w *World) checkUpdates(offered []protocol.UpdateCall, answer replay.Answer) {
	n := len(answer.Rejections)
	for _, c := range answer.Commands {
		switch c.Attributes.(type) {
		case protocol.AcceptUpdate, protocol.RejectUpdate:
			n++
		}
	}
	if n != len(offered) && !w.Closed() {
		panic(fmt.Sprintf("replaytest: %d updates were offered and %d answered", len(offered), n))
	}
	w.fresh, w.admitted = nil, nil
}

// recordUpdate turns a command about an update into its event.
func (w *World) recordUpdate(c protocol.CommandAttributes, offered []protocol.UpdateCall, task int64) {
	switch c := c.(type) {
	case protocol.AcceptUpdate:
		for _, call := range offered {
			if call.UpdateID == c.UpdateID {
				w.accepted[c.UpdateID] = w.add(protocol.WorkflowExecutionUpdateAccepted{Request: call, TaskCompletedID: task})
			}
		}
	case protocol.CompleteUpdate:
		w.add(protocol.WorkflowExecutionUpdateCompleted{
			UpdateID: c.UpdateID, AcceptedID: w.accepted[c.UpdateID], Result: c.Result, Failure: c.Failure, TaskCompletedID: task,
		})
		delete(w.accepted, c.UpdateID)
	case protocol.RejectUpdate:
		for _, a := range w.admitted {
			if a.call.UpdateID == c.UpdateID {
				w.add(protocol.WorkflowExecutionUpdateRejected{
					UpdateID: c.UpdateID, AdmittedID: a.event, Failure: c.Failure, TaskCompletedID: task,
				})
			}
		}
	}
}
