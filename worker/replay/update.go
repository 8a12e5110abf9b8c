package replay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// UpdateHandler is what the code does with updates of one name.
type UpdateHandler struct {
	// Validate refuses an update by returning an error. It only reads: what it asks the run for panics. It is called once, before the
	// update is accepted, and never in a replay.
	Validate func(call protocol.UpdateCall) error
	// Handle carries an accepted update out, in a coroutine of its own.
	Handle func(call protocol.UpdateCall) (protocol.Payload, error)
}

// HandleUpdates sets what is done with updates of a name, in place of what was set before. Updates of a step are handed to the
// code when it has seen the step's events and waits.
func (e *Env) HandleUpdates(name string, h UpdateHandler) {
	e.run.mayChange("handle updates")
	e.run.handlers = with(e.run.handlers, name, h)
}

// OpenUpdates counts the updates that were accepted and whose handlers have not returned.
func (e *Env) OpenUpdates() int { return e.run.openUpdates }

// delivery is an update on its way to the code.
type delivery struct {
	call protocol.UpdateCall
	// accepted and rejected tell what was recorded of the update; neither is set when the code has yet to decide.
	accepted bool
	rejected *protocol.Failure
}

// recordedUpdates finds the updates that the code was given in a recorded step, among the events that follow its
// WorkflowTaskCompleted. Those that were rejected without an event changed nothing.
func recordedUpdates(events []protocol.Event) []delivery {
	var found []delivery
	for _, e := range events {
		if !isCommandEvent(e) {
			break
		}
		switch a := e.Attributes.(type) {
		case protocol.WorkflowExecutionUpdateAccepted:
			found = append(found, delivery{call: a.Request, accepted: true})
		case protocol.WorkflowExecutionUpdateRejected:
			found = append(found, delivery{call: protocol.UpdateCall{UpdateID: a.UpdateID}, rejected: a.Failure})
		}
	}
	return found
}

// newUpdates are updates that the code has yet to decide on.
func newUpdates(calls []protocol.UpdateCall) []delivery {
	deliveries := make([]delivery, len(calls))
	for i, call := range calls {
		deliveries[i].call = call
	}
	return deliveries
}

// deliverUpdate gives the code an update, in a coroutine: whatever the handlers of the updates before it did without waiting is done when
// its validator looks.
func (r *Run) deliverUpdate(d delivery) {
	r.spawn(func() {
		h, known := r.handlers[d.call.Name]
		if f := r.refusal(d, h, known); f != nil {
			r.reject(d.call, f)
			r.sched.idle = true // nobody needs to look whether something changed: in a replay this update does not come
			return
		}
		if !known {
			return // it was accepted once, and is not any more: comparing the commands will tell
		}
		delete(r.admitted, d.call.UpdateID)
		r.emit(protocol.AcceptUpdate{UpdateID: d.call.UpdateID}, nil)
		r.handle(h, d.call)
	})
}

// refusal is why the update is rejected; nil when it is not. What was recorded is not decided again.
func (r *Run) refusal(d delivery, h UpdateHandler, known bool) *protocol.Failure {
	var err error
	switch {
	case d.accepted || d.rejected != nil:
		return d.rejected
	case !known:
		err = r.unknownUpdate(d.call.Name)
	case h.Validate != nil:
		err = r.validate(h, d.call)
	}
	if err == nil {
		return nil
	}
	return protocol.RejectedError(d.call, err)
}

// handle runs an update's handler. A run that is given up meanwhile unwinds it, and the update does not complete.
func (r *Run) handle(h UpdateHandler, call protocol.UpdateCall) {
	r.openUpdates++
	result, err := h.Handle(call)
	r.openUpdates--
	c := protocol.CompleteUpdate{UpdateID: call.UpdateID, Result: result}
	if err != nil {
		c.Result, c.Failure = protocol.Payload{}, protocol.NewFailure(err)
	}
	r.emit(c, nil)
}

// reject refuses an update: with a command if history knows it, with a word to the orchestrator if not.
func (r *Run) reject(call protocol.UpdateCall, f *protocol.Failure) {
	if r.admitted[call.UpdateID] {
		delete(r.admitted, call.UpdateID)
		r.emit(protocol.RejectUpdate{UpdateID: call.UpdateID, Failure: f}, nil)
		return
	}
	r.turn.rejections = append(r.turn.rejections, protocol.UpdateRejection{UpdateID: call.UpdateID, Failure: f})
}

// validate asks a handler whether it takes an update. A validator that panics, or asks for something, refuses.
func (r *Run) validate(h UpdateHandler, call protocol.UpdateCall) (err error) {
	r.reader = "a validator"
	defer func() {
		r.reader = ""
		if p := recover(); p != nil {
			err = fmt.Errorf("the validator of update %s panicked: %v", call.Name, p)
		}
	}()
	return h.Validate(call)
}

// MayChange panics while a validator or a query's handler runs: what it changes would be missing in a replay.
func (e *Env) MayChange(what string) { e.run.mayChange(what) }

// mayChange panics while code runs that must only read.
func (r *Run) mayChange(what string) {
	if r.reader != "" {
		panic(r.reader + " must not " + what + ": it may only read, because it does not run in a replay")
	}
}

func (r *Run) unknownUpdate(name string) error {
	known := "none"
	if len(r.handlers) > 0 {
		known = strings.Join(slices.Sorted(maps.Keys(r.handlers)), ", ")
	}
	return errors.New("the workflow has no handler for update " + name + "; it has " + known)
}
