package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// HistoryError says why the code does not fit a recorded history.
type HistoryError struct {
	// Workflow, Run and Type say whose history it is.
	Workflow, Run, Type string
	// Cause is NonDeterministicError when the code asks for something else than is recorded, WorkflowWorkerUnhandledFailure when it panics,
	// and UnknownWorkflowType when the worker does not know the workflow.
	Cause protocol.TaskFailedCause
	// Failure tells in detail: what was recorded and what the code asks for, in two columns, or where it panicked.
	Failure *protocol.Failure
}

// Error tells which run it is, and what does not fit.
func (e *HistoryError) Error() string {
	return fmt.Sprintf("workflow %s, run %s, of type %s: %v", e.Workflow, e.Run, e.Type, e.Failure)
}

// Unwrap returns the failure.
func (e *HistoryError) Unwrap() error { return e.Failure }

// CheckHistory replays a recorded run with the code of a worker that has these options, without a server, and reports whether the code
// still does what was recorded: what a worker with that code would do with the run if it is open. Check the histories of your open runs,
// or a collection of typical ones, before you deploy a change:
//
//	func TestOldRuns(t *testing.T) {
//		for h, err := range worker.ReadHistories("testdata/histories") { // written by `millrace export`
//			if err != nil {
//				t.Fatal(err)
//			}
//			if err := worker.CheckHistory(h, options()...); err != nil {
//				t.Error(err)
//			}
//		}
//	}
//
// An error is a [*HistoryError], unless the options are wrong. Activities are not run. `millrace check-history` does the same with the
// program of a worker.
func CheckHistory(h protocol.History, opts ...Option) error {
	w := newWorker("check", opts, nil)
	if err := errors.Join(w.errs...); err != nil {
		return err
	}
	return w.checkHistory(h)
}

func (w *Worker) checkHistory(h protocol.History) error {
	program, ok := w.registry.workflow(h.Type)
	if !ok {
		return historyError(h, protocol.CauseUnknownType, w.unknown("workflow", h.Type, w.registry.workflowNames()))
	}
	edge := w.edge(context.Background())
	edge.Get = nil
	if err := edge.OpenEvents(h.Events); err != nil {
		return err
	}
	run := replay.New(program)
	defer run.Close()
	if a := run.Step(recordedSteps(h.Events)); a.Failure != nil {
		return historyError(h, a.Cause, a.Failure)
	}
	return nil
}

func historyError(h protocol.History, cause protocol.TaskFailedCause, f *protocol.Failure) error {
	return &HistoryError{Workflow: h.Workflow, Run: h.Run, Type: h.Type, Cause: cause, Failure: f}
}

// recordedSteps leaves out a step at the end that nobody has taken: there is nothing to compare it with.
func recordedSteps(events []protocol.Event) []protocol.Event {
	if n := len(events); n > 0 {
		if _, ok := events[n-1].Attributes.(protocol.WorkflowTaskStarted); ok {
			return events[:n-1]
		}
	}
	return events
}
