package replay

import "github.com/millrace-dev/millrace/protocol"

// External is a signal or a cancellation that was sent to another workflow and has no answer.
type External struct {
	run     *Run
	command *command
	event   int64 // of the command; zero until it is recorded
	done    func(error)
}

// SignalExternal signals another workflow and calls done once, when the signal is part of the other run's history or was refused; done
// must not block.
func (e *Env) SignalExternal(c protocol.SignalExternalWorkflowExecution, done func(error)) *External {
	return e.run.tell(c, done)
}

// CancelExternal asks another workflow to stop, and calls done as SignalExternal does.
func (e *Env) CancelExternal(c protocol.RequestCancelExternalWorkflowExecution, done func(error)) *External {
	return e.run.tell(c, done)
}

func (r *Run) tell(attributes protocol.CommandAttributes, done func(error)) *External {
	r.mayChange("speak to another workflow")
	x := &External{run: r, done: done}
	x.command = r.emit(attributes, nil)
	x.command.recorded = func(event int64) {
		x.event, x.command = event, nil
		r.externals = with(r.externals, event, x)
	}
	return x
}

// Cancel takes back what was asked for in this very step. Later, what was sent is on its way; only nobody waits for the answer any more.
func (x *External) Cancel() {
	if x.command != nil {
		x.command.takeBack()
	}
	delete(x.run.externals, x.event)
	x.end(protocol.CanceledError("canceled"))
}

// end calls done, once.
func (x *External) end(err error) {
	if done := x.done; done != nil {
		x.done = nil
		done(err)
	}
}

// applyExternal settles what was asked of another workflow.
func (r *Run) applyExternal(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.ExternalWorkflowExecutionSignaled:
		r.answered(a.InitiatedID, nil)
	case protocol.SignalExternalWorkflowExecutionFailed:
		r.answered(a.InitiatedID, a.Cause)
	case protocol.ExternalWorkflowExecutionCancelRequested:
		r.answered(a.InitiatedID, nil)
	case protocol.RequestCancelExternalWorkflowExecutionFailed:
		r.answered(a.InitiatedID, a.Cause)
	}
}

func (r *Run) answered(event int64, refused *protocol.Error) {
	x := r.externals[event]
	if x == nil {
		return
	}
	delete(r.externals, event)
	if refused != nil {
		x.end(refused)
		return
	}
	x.end(nil)
}
