package machine

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// Somebody who got no answer asks again, maybe when the run is over: what was accepted once stays accepted.
func TestARequestThatWasAcceptedIsAcceptedAgainAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := begun(t)
	requests := []protocol.InputBody{
		protocol.SignalInput{Name: "go", RequestID: "request-2"},
		protocol.CancelInput{RequestID: "request-3"},
		protocol.StartInput{Type: "shop.Order", Queue: "orders", Run: "run-2", RequestID: "request-1"},
	}
	w.arrive(requests[0], "")
	w.arrive(requests[1], "")
	answer(t, w, protocol.CancelWorkflowExecution{})
	for _, body := range requests {
		w.arrive(body, "")
		r := decide(t, w)
		if r.Record != nil || len(r.Verdicts) != 1 || r.Verdicts[0].Verdict.Error != nil || r.Verdicts[0].Verdict.Run != "run-1" {
			t.Errorf("the same %s again: got record %v and verdict %s, want run-1 once more", body.InputKind(), types(r.Record), text(r.Verdicts))
		}
	}
	w.arrive(protocol.CancelInput{RequestID: "request-4"}, "")
	if v := decide(t, w).Verdicts[0].Verdict; v.Error == nil || v.Error.Code != protocol.CodeClosed {
		t.Errorf("another cancellation: got %s, want code closed", text(v))
	}
}

// An input that a recorded step consumed comes again after a crash. Whoever waits for its verdict hears it from history, and hears
// nothing if history cannot tell: a refusal leaves no event.
func TestAnInputThatComesAgainIsAnsweredAsBefore(t *testing.T) {
	t.Parallel()
	w := newWorld()
	start := func(run, request string) protocol.StartInput {
		return protocol.StartInput{Type: "shop.Order", Queue: "orders", Run: run, RequestID: request}
	}
	for _, test := range []struct {
		body protocol.InputBody
		want bool
	}{
		{start("run-1", ""), false}, // without a request ID, the start that is refused below looks the same
		{protocol.SignalInput{Name: "go", RequestID: "request-1"}, true},
		{protocol.SignalInput{Name: "go"}, false},
		{protocol.CancelInput{RequestID: "request-2"}, true},
		{protocol.TerminateInput{Run: "run-9"}, false},
		{start("run-2", ""), false},
		{start("run-3", "request-3"), false},
	} {
		in := w.arrive(test.body, "")
		decide(t, w)
		if v, ok := w.w.Again(in); ok != test.want || ok && (v.Subject != in.Reply || v.Verdict.Run != "run-1") {
			t.Errorf("%s %s: got verdict %s, %t, want %t", test.body.InputKind(), text(test.body), text(v), ok, test.want)
		}
	}
}

// A reset is answered as before whether or not its reader has fetched the history for it: one that took the workflow for unknown has.
func TestAResetThatComesAgainIsAnsweredAsBefore(t *testing.T) {
	t.Parallel()
	w := begun(t)
	reset := protocol.ResetInput{Event: 4, NewRun: "run-2", RequestID: "reset-1"}
	in := w.arrive(Reset{ResetInput: reset, Events: w.eventsOf("run-1")}, "")
	for range 2 { // one record ends the run, the other begins the copy
		decide(t, w)
	}
	for _, body := range []protocol.InputBody{reset, Reset{ResetInput: reset}} {
		in.Body = body
		if v, ok := w.w.Again(in); !ok || v.Subject != in.Reply || v.Verdict.Run != "run-2" {
			t.Errorf("%T: got verdict %s, %t", body, text(v), ok)
		}
	}
}
