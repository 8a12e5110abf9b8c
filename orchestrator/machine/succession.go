package machine

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A run can be followed by another one: it asked for that (continue-as-new), or it failed and is tried again. The record that ends
// the first run decides it, and names the second, whose own first record is then an effect: whoever reads a history that ends with
// such a record begins the next run before it takes anything else. So there is no moment at which an input could find the chain
// closed, and a node may die between the two records.

// succession is the input that begins the next run of a chain. Nobody sends it: [Workflow.Successor] makes it.
type succession struct {
	start protocol.WorkflowExecutionStarted
}

// InputKind implements [protocol.InputBody].
func (succession) InputKind() protocol.InputKind { return "succession" }

// Successor is the input that must be taken next, alone, because the last run is to be followed by another one.
func (w *Workflow) Successor() (protocol.Input, bool) {
	if w == nil || w.Run == nil || w.Run.next == nil {
		return protocol.Input{}, false
	}
	return protocol.Input{Workflow: w.ID, Body: succession{*w.Run.next}}, true
}

func (t *Turn) takeSuccession(b succession) {
	if t.run == nil || t.run.next == nil {
		return
	}
	t.run = t.follower()
	t.event(b.start)
}

// FirstRun is the ID of the first run of the chain.
func (r *Run) FirstRun() string { return firstRun(r.Start) }

func firstRun(s *protocol.WorkflowExecutionStarted) string {
	if s.FirstRunID != "" {
		return s.FirstRunID
	}
	return s.RunID
}

// tryAgain decides whether a run that ends with the failure f is followed by another attempt, and under which run ID.
func (t *Turn) tryAgain(f *protocol.Failure) (newRun string, state protocol.RetryState) {
	s := t.run.Start
	if s.RetryPolicy == nil {
		return "", ""
	}
	_, state = s.RetryPolicy.Next(f, s.Attempt, t.now, s.ExecutionDeadline)
	if state != protocol.RetryInProgress {
		return "", state
	}
	return t.nonce, state
}

// follow notes what the run is followed by, if the event that ended it says that it is.
func (r *Run) follow(e protocol.Event) {
	switch e.Attributes.(type) {
	case protocol.WorkflowExecutionCompleted, protocol.WorkflowExecutionCanceled:
		return
	}
	next := *r.Start
	next.PinnedVersion, next.Memo, next.SearchAttributes = r.pinned, r.Memo, r.SearchAttributes
	next.PreviousRunID, next.FirstRunID = r.ID(), r.FirstRun()
	next.CarriedSignals, next.Reset, next.OriginalRunID = protocol.Payload{}, nil, ""
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionContinuedAsNew:
		next.RunID, next.Initiator, next.FirstTaskDelay, next.LastFailure = a.NewRunID, protocol.InitiatorContinueAsNew, 0, nil
		next.WorkflowType, next.Queue, next.Input, next.CarriedSignals = a.WorkflowType, a.Queue, a.Input, a.CarriedSignals
		next.RunTimeout, next.TaskTimeout, next.RetryPolicy = a.RunTimeout, a.TaskTimeout, a.RetryPolicy
		next.Headers = a.Headers
		if a.Memo != nil {
			next.Memo = a.Memo
		}
		next.Attempt = 0
		if a.RetryPolicy != nil {
			next.Attempt = 1
		}
	case protocol.WorkflowExecutionFailed:
		r.retryAs(&next, a.NewRunID, a.Failure, e.Time)
	case protocol.WorkflowExecutionTerminated:
		r.Outcome.Next = a.NewRunID // a reset: whoever asked for it begins the run
	case protocol.WorkflowExecutionTimedOut:
		r.retryAs(&next, a.NewRunID, r.Outcome.Failure, e.Time)
	}
	if next.RunID != r.ID() && next.RunID != "" {
		r.next, r.Outcome.Next = &next, next.RunID
	}
}

// retryAs makes next the run that tries again after a failure. The signals that its predecessor began with belong to it as well.
func (r *Run) retryAs(next *protocol.WorkflowExecutionStarted, id string, f *protocol.Failure, now time.Time) {
	next.RunID = id
	if id == "" || f == nil || r.Start.RetryPolicy == nil {
		return // in the last two cases no orchestrator wrote the event
	}
	delay, _ := r.Start.RetryPolicy.Next(f, r.Start.Attempt, now, r.Start.ExecutionDeadline)
	next.Initiator, next.Attempt, next.FirstTaskDelay = protocol.InitiatorRetry, r.Start.Attempt+1, protocol.Duration(delay)
	next.LastFailure, next.CarriedSignals = f, r.Start.CarriedSignals
}

// continueAsNew drafts the end of a run that asks for another one. What the command leaves out stays as it is.
func (t *Turn) continueAsNew(c protocol.ContinueAsNewWorkflowExecution, task int64) error {
	s := t.run.Start
	e := protocol.WorkflowExecutionContinuedAsNew{
		NewRunID: t.nonce, WorkflowType: c.WorkflowType, Queue: c.Queue, Input: c.Input, RunTimeout: c.RunTimeout,
		TaskTimeout: c.TaskTimeout, RetryPolicy: c.RetryPolicy, Memo: c.Memo, Headers: c.Headers,
		CarriedSignals: c.CarriedSignals, TaskCompletedID: task,
	}
	keep(&e.WorkflowType, s.WorkflowType)
	keep(&e.Queue, s.Queue)
	keep(&e.RunTimeout, s.RunTimeout)
	keep(&e.TaskTimeout, s.TaskTimeout)
	keep(&e.RetryPolicy, s.RetryPolicy)
	if e.Headers == nil {
		e.Headers = s.Headers
	}
	err := ValidateStart(protocol.StartInput{
		Type: e.WorkflowType, Run: e.NewRunID, Queue: e.Queue, RunTimeout: e.RunTimeout, TaskTimeout: e.TaskTimeout,
		RetryPolicy: e.RetryPolicy,
	})
	if err != nil {
		return err
	}
	if e.RetryPolicy != nil {
		p := e.RetryPolicy.Normalize()
		e.RetryPolicy = &p
	}
	t.event(e)
	return nil
}

func keep[T comparable](v *T, old T) {
	var zero T
	if *v == zero {
		*v = old
	}
}
