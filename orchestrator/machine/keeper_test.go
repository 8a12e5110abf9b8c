package machine

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// Who signals a run, or updates it, hears where a question can go next; others have no use for that.
func TestVerdictsNameTheKeeper(t *testing.T) {
	t.Parallel()
	w := newWorld()
	verdict := func(r Ready, worker string) {
		t.Helper()
		want := protocol.Verdict{ID: workflowID, Run: w.w.Run.ID(), Worker: worker}
		if worker != "" {
			want.Nonce = r.Record.Nonce
		}
		if len(r.Verdicts) != 1 || r.Verdicts[0].Verdict != want {
			t.Errorf("the verdicts are %s, want %s", text(r.Verdicts), text(want))
		}
	}
	w.start("request-1", 0)
	verdict(answer(t, w), "")
	w.arrive(protocol.SignalInput{Name: "word", RequestID: "request-2"}, "request-2")
	verdict(answer(t, w), "orders.ada")
	w.arrive(protocol.SignalInput{Name: "word", RequestID: "request-3"}, "request-3")
	verdict(decide(t, w), "") // nobody took the step
	w.arrive(protocol.CancelInput{RequestID: "request-4"}, "request-4")
	verdict(answer(t, w), "")
	w.arrive(protocol.SignalInput{Name: "word", RequestID: "request-5"}, "request-5")
	verdict(answer(t, w, protocol.CompleteWorkflowExecution{}), "") // the run has ended
}

// A record names the worker whose cache holds the run, if the step was that worker's and the run goes on.
func TestARecordNamesTheKeeperOfItsRun(t *testing.T) {
	t.Parallel()
	w := newWorld()
	keeper := func(r Ready, want string) {
		t.Helper()
		if r.Record == nil || r.Record.Worker != want {
			t.Errorf("the record is %s, and its run is kept by %q, want %q", text(r.Record), r.Record.Worker, want)
		}
	}
	signal := func(request string) { w.arrive(protocol.SignalInput{Name: "word", RequestID: request}, request) }
	w.start("request-1", 0)
	keeper(answer(t, w), "orders.ada")
	signal("request-2")
	keeper(decide(t, w), "") // nobody took the step
	signal("request-3")
	keeper(answer(t, w), "orders.ada")
	signal("request-4")
	w.begin()
	keeper(committed(t, w, w.turn.Answer(&protocol.WorkflowTaskAnswer{Worker: "ada", Failure: failed()}, w.now)), "")
	w.pass(taskBackoff(1))
	w.begin()
	keeper(committed(t, w, w.turn.Answer(&protocol.WorkflowTaskAnswer{
		Worker: "bob", Commands: []protocol.Command{{Attributes: protocol.CompleteWorkflowExecution{}}},
	}, w.now)), "") // the run has ended
}
