package machine

import (
	"github.com/millrace-dev/millrace/protocol"
)

func (t *Turn) takeStart(in protocol.Input, b protocol.StartInput) {
	if err := ValidateStart(b); err != nil {
		t.refuse(in, protocol.AsError(err))
		return
	}
	if t.run != nil && b.RequestID != "" && b.RequestID == t.run.Start.RequestID {
		t.accept(in) // the same request again
		return
	}
	if t.run.Open() {
		err := protocol.Errorf(protocol.CodeAlreadyStarted, "workflow %q is running already", t.w.ID).
			WithHint("wait for it, signal it, or start another under a different ID")
		err.Run = t.run.ID()
		t.refuse(in, err)
		return
	}
	if t.run != nil && t.run != t.w.Run && len(t.events) > 0 {
		// The run that this very step ended has its events in this record, and a record belongs to one run.
		// The actor hands such a start to the next step; see Splits.
		t.refuse(in, protocol.Errorf(protocol.CodeConflict, "workflow %q is just ending", t.w.ID).WithHint("start it again"))
		return
	}
	t.run = &Run{}
	t.event(protocol.WorkflowExecutionStarted{
		WorkflowID: t.w.ID, WorkflowType: b.Type, Queue: b.Queue, Input: b.Input, RunID: b.Run, RequestID: b.RequestID,
		RunTimeout: b.RunTimeout, TaskTimeout: b.TaskTimeout, Memo: b.Memo, Headers: b.Headers, Identity: b.Identity,
	})
	t.accept(in)
}

// Splits reports whether the input must wait for a step of its own: a start opens a new run, and a record belongs to one.
func Splits(in protocol.Input) bool {
	_, ok := in.Body.(protocol.StartInput)
	return ok
}

// ValidateStart reports what is missing or wrong in a start.
func ValidateStart(b protocol.StartInput) error {
	switch {
	case b.Type == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a start needs a workflow type").
			WithHint(`name it, such as {"type": "shop.Checkout", "queue": "orders"}`)
	case b.Run == "":
		return protocol.Errorf(protocol.CodeBadRequest, "a start needs a run ID").WithHint("make up a UUID for run_id")
	case b.RunTimeout < 0 || b.TaskTimeout < 0:
		return protocol.Errorf(protocol.CodeBadRequest, "a timeout is negative").WithHint("leave it out for no timeout")
	}
	return protocol.ValidateID("queue", b.Queue)
}
