package protocol

// AnswerInput tells a workflow what became of an input that its run asked for: a child's start, a signal, a cancellation.
type AnswerInput struct {
	// Run and Event say who asked, and by which event.
	Run     string  `json:"run_id"`
	Event   int64   `json:"event_id"`
	Verdict Verdict `json:"verdict"`
}

// ChildInput tells a parent how its child ended. Only the last run of a chain is told of.
type ChildInput struct {
	// Run is the parent's, and InitiatedID the event by which it asked for the child.
	Run         string  `json:"run_id"`
	InitiatedID int64   `json:"initiated_event_id"`
	Outcome     Outcome `json:"outcome"`
}

// InputKind implements [InputBody].
func (AnswerInput) InputKind() InputKind { return KindAnswer }

// InputKind implements [InputBody].
func (ChildInput) InputKind() InputKind { return KindChild }
