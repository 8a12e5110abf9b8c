package replay

import (
	"cmp"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// apply tells the code's side of the run what happened. It resolves what coroutines wait for and runs none of them.
func (r *Run) apply(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionStarted:
		r.begin(e.Time, a)
	case protocol.WorkflowExecutionSignaled:
		r.deliver(a.Name, a.Input, a.Headers)
	case protocol.WorkflowExecutionUpdateAdmitted:
		r.admitted = with(r.admitted, a.Request.UpdateID, true)
	case protocol.WorkflowExecutionCancelRequested:
		r.cancelRequested = true
		r.env.AfterInputs(r.requestCancel)
	case protocol.WorkflowTaskFailed:
		r.seed = a.NewRunID // of a reset
	case protocol.WorkflowExecutionPaused, protocol.WorkflowExecutionUnpaused, protocol.ActivityTaskPaused,
		protocol.ActivityTaskUnpaused, protocol.ActivityTaskReset, protocol.ActivityTaskOptionsUpdated:
		// The code does not see whether somebody held it, or its activities, up.
	case protocol.ActivityTaskStarted:
		if op := r.activities[a.ScheduledID]; op != nil {
			op.started = a
		}
	case protocol.ActivityTaskCompleted:
		r.endActivity(a.ScheduledID, a.Result, "", "", nil)
	case protocol.ActivityTaskFailed:
		r.endActivity(a.ScheduledID, protocol.Payload{}, "failed", a.RetryState, a.Failure)
	case protocol.ActivityTaskTimedOut:
		r.endActivity(a.ScheduledID, protocol.Payload{}, "failed", a.RetryState, a.Failure)
	case protocol.ActivityTaskCanceled:
		f := protocol.CanceledError("canceled")
		if !a.Details.IsZero() {
			f.Canceled.Details = &a.Details
		}
		r.endActivity(a.ScheduledID, protocol.Payload{}, "canceled", protocol.RetryCancelRequested, f)
	case protocol.TimerFired:
		if op := r.timers[a.TimerID]; op != nil {
			op.end(protocol.Payload{}, nil)
		}
	case protocol.StartChildWorkflowExecutionFailed, protocol.ChildWorkflowExecutionStarted,
		protocol.ChildWorkflowExecutionCompleted, protocol.ChildWorkflowExecutionFailed, protocol.ChildWorkflowExecutionCanceled,
		protocol.ChildWorkflowExecutionTimedOut, protocol.ChildWorkflowExecutionTerminated:
		r.applyChild(e)
	case protocol.ExternalWorkflowExecutionSignaled, protocol.SignalExternalWorkflowExecutionFailed,
		protocol.ExternalWorkflowExecutionCancelRequested, protocol.RequestCancelExternalWorkflowExecutionFailed:
		r.applyExternal(e)
	default:
		r.failf("event %d is of type %s, which this worker cannot replay", e.ID, e.Type())
	}
}

// begin starts the root coroutine.
func (r *Run) begin(at time.Time, a protocol.WorkflowExecutionStarted) {
	r.info = Info{
		Workflow: a.WorkflowID, Run: a.RunID, Type: a.WorkflowType, Queue: a.Queue, Attempt: max(a.Attempt, 1),
		FirstRun: cmp.Or(a.FirstRunID, a.RunID), Previous: a.PreviousRunID, LastFailure: a.LastFailure,
		StartTime: at, RunTimeout: time.Duration(a.RunTimeout), Deadline: a.ExecutionDeadline, Headers: a.Headers, Memo: a.Memo,
		SearchAttributes: a.SearchAttributes,
		Parent:           a.Parent, Root: a.Root,
	}
	r.seed = cmp.Or(a.OriginalRunID, a.RunID)
	r.takeCarried(a.CarriedSignals)
	r.spawn(func() {
		result, err := r.program(&r.env, a.Input)
		r.finish(result, err)
	})
}

// finish closes the run with what the program returned.
func (r *Run) finish(result protocol.Payload, err error) {
	next, again := errors.AsType[*ContinueAsNew](err)
	switch {
	case again:
		r.continueAsNew(next.Command)
	case err == nil:
		r.emit(protocol.CompleteWorkflowExecution{Result: result}, nil)
	case r.cancelRequested && errors.Is(err, protocol.ErrCanceled):
		r.emit(protocol.CancelWorkflowExecution{}, nil)
	default:
		r.emit(protocol.FailWorkflowExecution{Failure: protocol.NewFailure(err)}, nil)
	}
	r.closed = true
}

// ContinueAsNew is the error with which a program asks for another run in the place of its own.
type ContinueAsNew struct {
	Command protocol.ContinueAsNewWorkflowExecution
}

// Error says what is asked for.
func (c *ContinueAsNew) Error() string { return "continue as new " + c.Command.WorkflowType }

// continueAsNew closes the run for another one, which gets the signals that this one did not receive.
func (r *Run) continueAsNew(c protocol.ContinueAsNewWorkflowExecution) {
	signals, err := r.unread()
	if err != nil {
		r.failf("the signals that were not received cannot be handed on: %v", err)
		return
	}
	c.CarriedSignals = signals
	r.emit(c, nil)
}

// requestCancel tells the code that it should stop.
func (r *Run) requestCancel() {
	callbacks := r.onCancel
	r.onCancel = nil
	for _, f := range callbacks {
		f()
	}
}

// applied runs what waited for the last input of the step.
func (r *Run) applied() {
	for i := 0; i < len(r.afterInputs); i++ { //nolint:intrange // the list grows while it runs
		r.afterInputs[i]()
	}
	r.afterInputs = nil
}

// endActivity settles an activity. One that was given up meanwhile is only forgotten.
func (r *Run) endActivity(scheduled int64, result protocol.Payload, how string, state protocol.RetryState, cause *protocol.Failure) {
	op := r.activities[scheduled]
	if op == nil {
		return
	}
	delete(r.activities, scheduled)
	if how == "" {
		op.end(result, nil)
		return
	}
	f := op.failure(how, state, cause)
	op.end(protocol.Payload{}, f)
}
