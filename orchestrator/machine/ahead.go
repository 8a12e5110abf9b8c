package machine

import "github.com/millrace-dev/millrace/protocol"

// Ahead reports whether an input speaks of an event that the run does not have yet. Nothing is told of an event before it is recorded, so
// the history has lost its end.
func (w *Workflow) Ahead(in protocol.Input) bool {
	if w.Run == nil {
		return false
	}
	run, event := "", int64(0)
	switch b := in.Body.(type) {
	case protocol.ActivityResult:
		run, event = b.Run, b.ScheduledID
	case protocol.ActivityStarted:
		run, event = b.Run, b.ScheduledID
	case protocol.AnswerInput:
		run, event = b.Run, b.Event
	case protocol.ChildInput:
		run, event = b.Run, b.InitiatedID
	}
	return run == w.Run.ID() && event > w.Run.LastEvent
}
