package machine

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

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
