package replaytest

import (
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Start records that the run was started with the given value.
func (w *World) Start(in any) {
	w.input(protocol.WorkflowExecutionStarted{
		WorkflowID: Workflow, RunID: RunID, WorkflowType: Type, Queue: Queue, Input: encode(in),
	})
}

// Signal records a signal.
func (w *World) Signal(name string, v any) {
	w.input(protocol.WorkflowExecutionSignaled{Name: name, Input: encode(v)})
}

// SignalWith is Signal with headers.
func (w *World) SignalWith(name string, v any, headers map[string]string) {
	w.input(protocol.WorkflowExecutionSignaled{Name: name, Input: encode(v), Headers: headers})
}

// Cancel records that the run was asked to cancel.
func (w *World) Cancel() { w.input(protocol.WorkflowExecutionCancelRequested{}) }

// Terminate records that the run was ended from outside.
func (w *World) Terminate() { w.input(protocol.WorkflowExecutionTerminated{Reason: "test"}) }

// Fire records that a timer's time came.
func (w *World) Fire(id string) {
	t := w.takeTimer(id)
	w.input(protocol.TimerFired{TimerID: t.ID, StartedID: t.Started})
}

// Complete records an activity's result.
func (w *World) Complete(id string, v any) {
	a, started := w.endActivity(id)
	w.input(protocol.ActivityTaskCompleted{ScheduledID: a.Scheduled, StartedID: started, Result: encode(v)})
}

// Fail records an activity's last failure.
func (w *World) Fail(id string, f *protocol.Failure) {
	a, started := w.endActivity(id)
	w.input(protocol.ActivityTaskFailed{
		ScheduledID: a.Scheduled, StartedID: started, Failure: f, RetryState: protocol.RetryNonRetryableFailure,
	})
}

// TimeOut records that an activity's deadline passed.
func (w *World) TimeOut(id string, t protocol.TimeoutType) {
	a, started := w.endActivity(id)
	w.input(protocol.ActivityTaskTimedOut{
		ScheduledID: a.Scheduled, StartedID: started,
		Failure:    protocol.TimeoutError(t, string(t)+" timeout", nil),
		RetryState: protocol.RetryMaximumAttemptsReached,
	})
}

// AcceptCancel records that an activity stopped because it was asked to.
func (w *World) AcceptCancel(id string) {
	a, started := w.endActivity(id)
	w.input(protocol.ActivityTaskCanceled{ScheduledID: a.Scheduled, StartedID: started})
}

func (w *World) input(a protocol.EventAttributes) {
	w.waiting = true
	w.add(a)
}

func (w *World) endActivity(id string) (a Activity, started int64) {
	i := w.activity(id)
	a = w.activities[i]
	w.activities = slices.Delete(w.activities, i, i+1)
	return a, w.add(protocol.ActivityTaskStarted{ScheduledID: a.Scheduled, Attempt: 1, Identity: "test"})
}

func (w *World) activity(id string) int {
	i := slices.IndexFunc(w.activities, func(a Activity) bool { return a.ID == id })
	if i < 0 {
		panic(fmt.Sprintf("replaytest: there is no open activity %q", id))
	}
	return i
}

func (w *World) takeTimer(id string) Timer {
	i := slices.IndexFunc(w.timers, func(t Timer) bool { return t.ID == id })
	if i < 0 {
		panic(fmt.Sprintf("replaytest: there is no running timer %q", id))
	}
	t := w.timers[i]
	w.timers = slices.Delete(w.timers, i, i+1)
	return t
}

func encode(v any) protocol.Payload {
	p, err := protocol.Encode(v)
	if err != nil {
		panic(err)
	}
	return p
}
