package machine

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// The step of a run with a long history says so, from the first byte or event above the limit on, and says how long it is.
func TestLongHistoriesSuggestANewRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size, last int64
		want       bool
	}{
		{100, 3, false},
		{protocol.SuggestBytes, 3, false},
		{protocol.SuggestBytes + 1, 3, true},
		{100, protocol.SuggestEvents - 2, false},
		{100, protocol.SuggestEvents - 1, true},
	} {
		w := newWorld()
		w.start("a", 0)
		w.begin()
		if err := w.commit(w.turn.Answer(&protocol.WorkflowTaskAnswer{Worker: "ada"}, w.now)); err != nil {
			t.Fatal(err)
		}
		w.w.Run.Size, w.w.Run.LastEvent = tt.size, tt.last-1
		w.arrive(protocol.SignalInput{Name: "go"}, "") // the event before the step's two
		if !w.begin() {
			t.Fatal("nobody is asked to take the step")
		}
		e := w.task.Events[len(w.task.Events)-1]
		a, ok := e.Attributes.(protocol.WorkflowTaskStarted)
		if !ok || a.SuggestContinueAsNew != tt.want || a.HistorySize != tt.size || e.ID != tt.last+2 {
			t.Errorf("after %d bytes event %d says %+v, want %t", tt.size, e.ID, a, tt.want)
		}
	}
}
