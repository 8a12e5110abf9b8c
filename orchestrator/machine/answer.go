package machine

import (
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Reply is a verdict and who wants it: the subject of a client that waits, or the workflow that asked, which is told by an input of its
// own because it may be asleep for months.
type Reply struct {
	Subject string
	Origin  *protocol.Origin
	Verdict protocol.Verdict
	// Traceless says that nothing in history tells of the verdict: the same request, should it come again, could be given another. So what
	// is left of it must go before it is told. Seq is where it lies in the inbox; zero says that it came directly.
	Traceless bool
	Seq       uint64

	asks bool // whoever hears it may have a question next
}

// Withdraws reports whether the input must leave the inbox before the verdict is told.
func (r Reply) Withdraws() bool { return r.Traceless && r.Seq > 0 }

// Tell is the verdict as an input of the workflow that asked. A client is not told this way: ok is then false.
func (r Reply) Tell() (t Tell, ok bool) {
	o := r.Origin
	if o == nil {
		return Tell{}, false
	}
	kind := protocol.KindAnswer
	if r.Verdict.Error != nil {
		kind = "refusal" // so that an acceptance which contradicts it is heard; see disown
	}
	return Tell{
		Workflow: o.Workflow, ID: protocol.MessageID(kind, o.Run, o.Event),
		Body: protocol.AnswerInput{Run: o.Run, Event: o.Event, Verdict: r.Verdict},
	}, true
}

// Told reports whether the one who can wait for the run's end knows of it: the run began and ended in this step, and the verdict of its
// start says how. Nobody else can have heard of it yet.
func (r Ready) Told() bool {
	return r.Record != nil && r.Record.Step == 1 && slices.ContainsFunc(r.Verdicts, func(v Reply) bool {
		return v.Verdict.Outcome != nil && v.Verdict.Outcome.Next == ""
	})
}

// Again answers an input that was decided before, if history still tells what became of it. A workflow that asked is always answered:
// it would wait for ever. What history does not know was refused, and the reason is found once more; should the answer have changed
// since, the workflow has heard the first one, which counts.
func (w *Workflow) Again(in protocol.Input) (Reply, bool) {
	reply := Reply{Subject: in.Reply, Origin: in.From(), Verdict: protocol.Verdict{ID: w.ID}}
	if reply.Subject == "" && reply.Origin == nil || w.Run == nil {
		return Reply{}, false
	}
	if b, ok := in.Body.(protocol.UpdateInput); ok {
		v, known := w.Run.UpdateVerdict(b.UpdateID)
		return Reply{Subject: in.Reply, Verdict: v}, known
	}
	known := w.Run.knows(in.Body)
	if known {
		reply.Verdict.Run = w.Run.ID()
	} else if reply.Origin != nil {
		reply.Verdict.Error = w.refusal(in.Body)
		known = true
	}
	return reply, known
}

// traceless reports whether nothing tells that a request, which may come again, was given this verdict. One that is malformed is never
// given another, and an attempt that is over stays so.
func (t *Turn) traceless(in protocol.Input, v protocol.Verdict) bool {
	switch in.Body.(type) {
	case protocol.StartInput, protocol.SignalInput, protocol.CancelInput, protocol.UpdateInput, protocol.PauseInput, protocol.ActivityInput:
		malformed := v.Error != nil && v.Error.Code == protocol.CodeBadRequest
		return (in.Seq > 0 || !in.Once) && !malformed && !t.run.knows(in.Body)
	}
	return false
}

// knows reports whether history tells that the run took the input.
func (r *Run) knows(body protocol.InputBody) bool {
	if r == nil {
		return false
	}
	switch b := body.(type) {
	case protocol.StartInput:
		return r.has(b.RequestID) || b.Update != nil && r.knows(*b.Update)
	case protocol.UpdateInput:
		_, known := r.UpdateVerdict(b.UpdateID)
		return known || r.has(b.RequestID)
	case protocol.SignalInput:
		return r.has(b.RequestID)
	case protocol.CancelInput:
		return r.has(b.RequestID)
	case protocol.PauseInput:
		return r.has(b.RequestID)
	case protocol.ActivityInput:
		return r.has(b.RequestID)
	case protocol.ResetInput:
		return r.isReset(b.RequestID) && r.copied
	case Reset: // its reader had taken the workflow for unknown
		return r.knows(b.ResetInput)
	case protocol.ActivityResult:
		// A client completed the activity, and a record has consumed what it said. Refusals leave none.
		return b.Run == r.ID()
	case protocol.WorkerReady:
		return true
	case protocol.DeleteInput:
		return b.Run != r.ID() // a later run has consumed it
	case protocol.TerminateInput:
		return r.Status == protocol.StatusTerminated
	}
	return false
}

// refusal is why an input of which history knows nothing was refused.
func (w *Workflow) refusal(body protocol.InputBody) *protocol.Error {
	switch b := body.(type) {
	case protocol.StartInput:
		return taken(w.Run, "workflow %q was not free", w.ID)
	case protocol.SignalInput:
		if err := misses(w.ID, w.Run, b.Run, b.FirstRun); err != nil {
			return err
		}
	case protocol.CancelInput:
		if err := misses(w.ID, w.Run, b.Run, b.FirstRun); err != nil {
			return err
		}
	}
	return protocol.Errorf(protocol.CodeClosed, "workflow %q did not take it", w.ID).WithHint("its run had ended, or another one had begun")
}
