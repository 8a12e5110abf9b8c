package machine

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// answerUpdates answers for the updates of a task in any way, and completes those that are at work.
func answerUpdates(t *rapid.T, w *world, a *protocol.WorkflowTaskAnswer) {
	add := func(c protocol.CommandAttributes) { a.Commands = append(a.Commands, protocol.Command{Attributes: c}) }
	for _, u := range w.turn.run.unfinished() {
		if u.Outcome.Stage == protocol.UpdateAccepted && rapid.Bool().Draw(t, "completes") {
			add(protocol.CompleteUpdate{UpdateID: u.Outcome.ID})
		}
	}
	for _, u := range w.task.Updates {
		switch rapid.IntRange(0, 4).Draw(t, "update") {
		case 0:
			add(protocol.AcceptUpdate{UpdateID: u.UpdateID})
			add(protocol.CompleteUpdate{UpdateID: u.UpdateID, Failure: &protocol.Failure{Message: "no"}})
		case 1:
			add(protocol.AcceptUpdate{UpdateID: u.UpdateID})
		case 2:
			a.Rejections = append(a.Rejections, protocol.UpdateRejection{UpdateID: u.UpdateID, Failure: refused(u.UpdateID)})
		case 3:
			if known, ok := w.turn.run.updates.get(u.UpdateID); ok && known.Outcome.Stage == protocol.UpdateAdmitted {
				add(protocol.RejectUpdate{UpdateID: u.UpdateID, Failure: refused(u.UpdateID)})
			}
		}
	}
}

// tellsAskers holds that whoever asked for an update in a step hears what became of it, once, and that what is said to be done
// is in history.
func (w *world) tellsAskers(r Ready) error {
	for _, in := range w.taken[:len(w.taken)-r.Left] {
		b, ok := in.Body.(protocol.UpdateInput)
		if !ok {
			continue
		}
		var told []protocol.Verdict
		for _, v := range r.Verdicts {
			if v.Subject == in.Reply {
				told = append(told, v.Verdict)
			}
		}
		if len(told) != 1 {
			return fmt.Errorf("the asker of %s hears %d verdicts", b.UpdateID, len(told))
		}
		u := told[0].Update
		if told[0].Error == nil && u.Stage != protocol.UpdateRejected && !w.turn.run.updates.has(b.UpdateID) {
			return fmt.Errorf("the asker of %s hears that it is %s, and history does not know it", b.UpdateID, u.Stage)
		}
	}
	return nil
}

// ask lets updates arrive.
func ask(w *world, from, to int, input string) {
	for i := from; i < to; i++ {
		w.arrive(protocol.UpdateInput{UpdateCall: protocol.UpdateCall{
			UpdateID: fmt.Sprint("u", i), Name: "approve", Input: protocol.Payload{Data: []byte(`"` + input + `"`)},
		}}, "")
	}
}

// Commands about updates that make no sense fail the step, like any other.
func TestUpdateCommandsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	accept := protocol.AcceptUpdate{UpdateID: "u0"}
	for _, asked := range [][]protocol.CommandAttributes{
		{protocol.AcceptUpdate{UpdateID: "nobody"}},
		{accept, accept},
		{protocol.CompleteUpdate{UpdateID: "u0"}},
		{accept, protocol.CompleteUpdate{UpdateID: "u0"}, protocol.CompleteUpdate{UpdateID: "u0"}},
		{protocol.RejectUpdate{UpdateID: "u0", Failure: failed()}},
		{accept, protocol.RejectUpdate{UpdateID: "u0", Failure: failed()}},
	} {
		w := begun(t)
		ask(w, 0, 1, "")
		r := answer(t, w, asked...)
		if got := types(r.Record); got[len(got)-2] != "WorkflowTaskFailed" || got[len(got)-1] != "WorkflowExecutionUpdateAdmitted" {
			t.Errorf("%v gives %v", asked, got)
		}
	}
}

// A workflow task carries as many updates as one message can; the others wait in history and are asked for at once.
func TestMoreUpdatesThanATaskCarries(t *testing.T) {
	t.Parallel()
	w := begun(t)
	ask(w, 0, 5, strings.Repeat("x", maxOfferedBytes/2))
	left := 5
	for left > 0 {
		if !w.begin() {
			t.Fatalf("%d updates wait, and no worker is wanted", left)
		}
		offered := w.task.Updates
		if len(offered) == 0 || len(offered) > 2 {
			t.Fatalf("a task carries %d updates of half of what it can", len(offered))
		}
		a := &protocol.WorkflowTaskAnswer{Worker: "ada"}
		for _, u := range offered {
			a.Commands = append(a.Commands, protocol.Command{Attributes: protocol.AcceptUpdate{UpdateID: u.UpdateID}})
		}
		committed(t, w, w.turn.Answer(a, w.now))
		left -= len(offered)
		if waits := w.last.Call != nil; waits != (left > 0) {
			t.Fatalf("%d updates wait, and a worker is called: %t", left, waits)
		}
		w.arrive(protocol.WorkerReady{Run: "run-1", Worker: "ada"}, "")
	}
}

// An update without a name or an ID is refused at once.
func TestUpdateWithoutAName(t *testing.T) {
	t.Parallel()
	for _, call := range []protocol.UpdateCall{{UpdateID: "u1"}, {Name: "approve"}} {
		w := begun(t)
		w.arrive(protocol.UpdateInput{UpdateCall: call}, "")
		r := decide(t, w)
		if len(r.Verdicts) != 1 || r.Verdicts[0].Verdict.Error == nil || r.Verdicts[0].Verdict.Error.Code != protocol.CodeBadRequest {
			t.Errorf("%+v gives %+v", call, r.Verdicts)
		}
	}
}
