package codec

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

// SealAll seals every payload in what ptr points to: commands, the result of an activity, the input of a start. What is large only in sum
// goes to the object store as well. Search attributes stay
// as they are, so that runs can be found by them.
func (e Edge) SealAll(ptr any) error {
	w := walker{
		payload: e.Seal,
		wants: func(p protocol.Payload) bool {
			return p.Blob == nil && !p.IsZero() && (e.Codec != nil || len(p.Data) > e.Threshold)
		},
		wantsFailure: e.hides,
		before:       e.hide,
	}
	if err := w.walk(ptr); err != nil {
		return err
	}
	return e.bundle(ptr)
}

// OpenAll opens every payload in what ptr points to.
func (e Edge) OpenAll(ptr any) error { return e.openAll(ptr, e.Open) }

// LookAll decodes the payloads in what ptr points to that can be decoded without fetching them, for somebody to look at. What cannot be
// decoded stays as it is.
func (e Edge) LookAll(ptr any) {
	if e.Codec == nil {
		return
	}
	err := e.openAll(ptr, func(p protocol.Payload) (protocol.Payload, error) {
		if q, err := e.Look(p); err == nil {
			return q, nil
		}
		return p, nil
	})
	if err != nil {
		return // reveal alone can fail, and leaves the failure as it was
	}
}

func (e Edge) openAll(ptr any, open func(protocol.Payload) (protocol.Payload, error)) error {
	w := walker{
		payload: open,
		wants: func(p protocol.Payload) bool {
			return p.Blob != nil && e.Get != nil || e.Codec != nil && !p.IsZero() || e.Strict && p.Readable() != nil
		},
		wantsFailure: func(*protocol.Failure) bool { return false }, // what is encoded is a payload in it
		after:        reveal,
	}
	return w.walk(ptr)
}

// OpenEvents opens the payloads that a replay reads, and looks at those that it only compares: what the code itself once asked for.
func (e Edge) OpenEvents(events []protocol.Event) error {
	for i := range events {
		open := e.Open
		if compared(events[i].Attributes) {
			open = e.Look
		}
		if err := e.openAll(&events[i], open); err != nil {
			return fmt.Errorf("event %d, %s: %w", events[i].ID, events[i].Type(), err)
		}
	}
	return nil
}

// compared reports whether a replay makes the payloads of an event anew and compares them, or has no use for them.
func compared(e protocol.EventAttributes) bool {
	switch e.(type) {
	case protocol.ActivityTaskScheduled, protocol.StartChildWorkflowExecutionInitiated,
		protocol.SignalExternalWorkflowExecutionInitiated, protocol.WorkflowExecutionUpdateCompleted,
		protocol.WorkflowPropertiesModified, protocol.WorkflowExecutionUpdateAdmitted,
		protocol.WorkflowExecutionCompleted, protocol.WorkflowExecutionFailed,
		protocol.WorkflowExecutionCanceled, protocol.WorkflowExecutionContinuedAsNew:
		return true
	}
	return false
}
