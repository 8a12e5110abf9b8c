package worker

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// answerCall answers a call for a worker: a step that waits in the task stream because nobody took it. The worker only says
// that it is there; the step itself then comes by core request, like any other. Once that word is stored in the workflow's
// inbox, the call is done. It keeps its slot until the workflow has dealt with it: a worker that answered a backlog of calls as fast as
// they come would have thousands of steps offered to it that it has no slots for, and its results would wait behind them.
func (w *Worker) answerCall(ctx context.Context, t Task) {
	var call protocol.QueuedWorkflowTask
	if err := protocol.UnmarshalTask(t.Body(), &call); err != nil {
		w.bury(ctx, t, err)
		return
	}
	ready := protocol.WorkerReady{Run: call.Run, ScheduledID: call.ScheduledID, Worker: w.identity}
	heard, err := w.store.TellReady(ctx, call.Workflow, ready)
	if err != nil {
		w.log.Warn("a call for a worker could not be answered; it goes back", "workflow_id", call.Workflow, "error", err)
		w.settle(t.Nak())
		return
	}
	w.settle(t.AckEarly())
	heard(w.draining)
	t.Leave()
}

// settle notes that the broker could not be told about a task. It will give the task out again, which is harmless.
func (w *Worker) settle(err error) {
	if err != nil {
		w.log.Debug("the broker could not be told about a task", "error", err)
	}
}

// bury stores a task that cannot be understood among the dead letters, and only then takes it off the queue.
func (w *Worker) bury(ctx context.Context, t Task, why error) {
	w.log.Error("a task cannot be understood and was moved to the dead letters", "subject", t.Subject(), "error", why)
	d := protocol.Delivery{Subject: t.Subject(), Header: t.Header(), Data: t.Body()}
	if err := w.store.DeadLetter(ctx, d, why); err != nil {
		w.log.Warn("a dead letter could not be stored; the task comes again", "subject", t.Subject(), "error", err)
		t.Leave() // not at once
		return
	}
	w.settle(t.Ack())
}
