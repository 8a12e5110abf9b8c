package replay

import (
	"fmt"
	"strconv"

	"github.com/millrace-dev/millrace/protocol"
)

// LocalActivity is an activity that the run's own worker is to run within the step: the step is not over before it is.
type LocalActivity struct {
	ID      string
	Command protocol.ScheduleActivityTask
}

// LocalResult is how a local activity ended.
type LocalResult struct {
	ID      string
	Result  protocol.Payload
	Failure *protocol.Failure
}

// StartLocal asks the worker for a local activity and calls done once, when it ends; done must not block.
func (e *Env) StartLocal(c protocol.ScheduleActivityTask, done func(protocol.Payload, error)) *Operation {
	r := e.run
	r.mayChange("run an activity")
	r.nextLocal++
	op := &Operation{run: r, id: "local-" + strconv.Itoa(r.nextLocal), activity: c.ActivityType, done: done, local: true}
	c.ActivityID = op.id
	if !r.sched.unwinding && !r.closed {
		r.locals = append(r.locals, &local{op: op, command: c, callers: r.callers(3)})
	}
	return op
}

// local is a local activity that has not ended.
type local struct {
	op      *Operation
	command protocol.ScheduleActivityTask
	callers []uintptr
}

// EndLocal tells the run how a local activity ended that an answer asked for, and goes on with the step.
func (r *Run) EndLocal(result LocalResult) Answer {
	if r.broken == nil && r.turn.open {
		r.endLocal(result)
		r.drain()
		r.finishTurn()
	}
	return r.state()
}

// endLocal settles a local activity and writes its result down. One that the code has given up is forgotten.
func (r *Run) endLocal(result LocalResult) {
	for i, l := range r.locals {
		if l.op.id != result.ID {
			continue
		}
		r.locals = append(r.locals[:i:i], r.locals[i+1:]...)
		c := r.emit(protocol.RecordMarker{
			Name: protocol.MarkerLocalActivity, ID: result.ID, Value: result.Result, Failure: result.Failure,
		}, nil)
		c.callers = l.callers
		if result.Failure != nil {
			l.op.end(protocol.Payload{}, l.op.failure("failed", "", result.Failure))
		} else {
			l.op.end(result.Result, nil)
		}
		return
	}
}

// repeatLocals settles the local activities of a recorded step, in the order in which they ended then.
func (r *Run) repeatLocals() {
	for _, a := range r.turn.marks.recorded {
		if a.Name != protocol.MarkerLocalActivity {
			continue
		}
		r.endLocal(LocalResult{ID: a.ID, Result: a.Value, Failure: a.Failure})
		r.drain()
	}
	if len(r.locals) > 0 && !r.closed && r.broken == nil {
		l := r.locals[0]
		r.fail(protocol.CauseNonDeterministic, &protocol.Failure{Source: "go", Message: fmt.Sprintf(
			"the workflow's code no longer fits its history: the step that began with event %d has no result of local activity %s, %s",
			r.turn.started, l.op.id, l.op.activity)})
	}
}

// dropLocal forgets a local activity that the code gave up.
func (r *Run) dropLocal(op *Operation) {
	for i, l := range r.locals {
		if l.op == op {
			r.locals = append(r.locals[:i:i], r.locals[i+1:]...)
			return
		}
	}
}

// pendingLocals are the local activities that the worker must run before the step is over.
func (r *Run) pendingLocals() []LocalActivity {
	pending := make([]LocalActivity, len(r.locals))
	for i, l := range r.locals {
		pending[i] = LocalActivity{ID: l.op.id, Command: l.command}
	}
	return pending
}
