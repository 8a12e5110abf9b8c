package replay

import (
	"strconv"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Operation is an activity or a timer that was asked for and has not ended.
type Operation struct {
	run      *Run
	id       string
	activity string // its type; empty for a timer
	command  *command
	done     func(protocol.Payload, error) // nil when it has ended
	started  protocol.ActivityTaskStarted
	event    int64 // of the command; zero until it is recorded
	local    bool  // the worker runs it within the step
	// cancellation is what becomes of the activity when it is cancelled, and asked says that it was asked to stop.
	cancellation protocol.CancellationType
	asked        bool
}

// ScheduleActivity asks for an activity and calls done once, when it ends; done must not block. The run chooses the
// activity ID.
func (e *Env) ScheduleActivity(c protocol.ScheduleActivityTask, done func(protocol.Payload, error)) *Operation {
	r := e.run
	r.mayChange("run an activity")
	r.nextActivity++
	c.ActivityID = strconv.Itoa(r.nextActivity)
	op := &Operation{run: r, id: c.ActivityID, activity: c.ActivityType, done: done, cancellation: c.Cancellation}
	op.command = r.emit(c, op)
	return op
}

// StartTimer asks for a timer and calls done once, when it fires or is cancelled; done must not block.
func (e *Env) StartTimer(d time.Duration, done func(error)) *Operation {
	r := e.run
	r.mayChange("start a timer")
	r.nextTimer++
	op := &Operation{run: r, id: strconv.Itoa(r.nextTimer)}
	op.done = func(_ protocol.Payload, err error) { done(err) }
	op.command = r.emit(protocol.StartTimer{TimerID: op.id, StartToFire: protocol.Duration(d)}, op)
	r.timers = with(r.timers, op.id, op)
	return op
}

// Cancel gives the operation up: a timer is disarmed, an activity is asked to stop, and done is called at once with a
// cancellation, without waiting for what the activity makes of it, unless it is one to wait for. An operation that was asked for in
// this very step is taken back instead: neither command is sent, and its ID is not used again. Cancelling what has ended does nothing.
func (op *Operation) Cancel() {
	switch {
	case op.done == nil || op.asked:
		return
	case op.local:
		op.run.dropLocal(op)
	case op.command != nil && op.command.takeBack():
	case op.activity == "":
		op.run.emit(protocol.CancelTimer{TimerID: op.id}, op)
	case op.cancellation == protocol.CancelAbandon:
	default:
		op.run.emit(protocol.RequestCancelActivityTask{ActivityID: op.id}, op)
		if op.cancellation == protocol.CancelWait {
			op.asked = true // how it ends, an event will tell
			return
		}
	}
	canceled := protocol.CanceledError("canceled")
	if op.activity != "" {
		canceled = op.failure("canceled", protocol.RetryCancelRequested, canceled)
	}
	op.end(protocol.Payload{}, canceled)
}

// end calls done, once.
func (op *Operation) end(result protocol.Payload, err error) {
	done := op.done
	if done == nil {
		return
	}
	op.done = nil
	if op.activity == "" {
		delete(op.run.timers, op.id)
	}
	done(result, err)
}

// failure wraps what went wrong in an activity for the workflow that called it.
func (op *Operation) failure(how string, state protocol.RetryState, cause *protocol.Failure) *protocol.Failure {
	return &protocol.Failure{
		Message: "activity " + op.activity + " " + how,
		Source:  "go",
		Cause:   cause,
		Activity: &protocol.ActivityFailure{
			ActivityType: op.activity,
			ActivityID:   op.id,
			ScheduledID:  op.event,
			Identity:     op.started.Identity,
			RetryState:   state,
		},
	}
}
