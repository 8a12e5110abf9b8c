package protocol

import (
	"crypto/sha256"
	"fmt"
)

// Execution names one run of a workflow.
type Execution struct {
	Workflow string `json:"workflow_id"`
	Run      string `json:"run_id"`
}

// Origin says who asked, and by which event. The verdict on an input that has one is told to the workflow that asked, as an
// [AnswerInput]. A child's parent is an origin too: the workflow and the event that asked for the child.
type Origin struct {
	Workflow string `json:"workflow_id"`
	Run      string `json:"run_id"`
	Event    int64  `json:"event_id"`
}

// ChildRunID is the run ID, and the request ID, of the child that a run asked for with the given event. It is derived from the two,
// so that a start that is sent twice is the same start. It is a UUID of version 8, the one for hashes of one's own: the first 128 bits of
// the SHA-256 of "<run>/<event>". Package uuid is not asked, so that workflow code does not link it.
func ChildRunID(run string, initiated int64) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s/%d", run, initiated))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// MessageID is the message ID of an input that a run tells another workflow because of an event of its own. It is derived, so that an
// input that is sent again after a crash is stored once.
func MessageID(kind InputKind, run string, event int64) string {
	return fmt.Sprintf("%s-%s-%d", kind, Token(run), event)
}

// originOf is who wants to be told the verdict on an input by an [AnswerInput]; nil when nobody does.
func originOf(b InputBody) *Origin {
	switch b := b.(type) {
	case StartInput:
		return b.From
	case SignalInput:
		return b.From
	case CancelInput:
		return b.From
	case TerminateInput:
		return b.From
	}
	return nil
}

// From is the workflow that wants to be told what became of the input; nil when no workflow does. One whose name cannot be a workflow ID
// is none: an answer to it could never be stored, and would be tried for ever.
func (in Input) From() *Origin {
	o := originOf(in.Body)
	if o == nil || ValidateID("workflow ID", o.Workflow) != nil {
		return nil
	}
	return o
}
