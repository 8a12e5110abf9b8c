package machine

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

func TestAhead(t *testing.T) {
	t.Parallel()
	w := New("wf")
	if w.Ahead(protocol.Input{Body: protocol.ActivityResult{Run: "run", ScheduledID: 5}}) {
		t.Error("a workflow without history is not behind")
	}
	w.Run = &Run{LastEvent: 7, Start: &protocol.WorkflowExecutionStarted{RunID: "run"}}
	for _, event := range []int64{7, 8} {
		for _, body := range []protocol.InputBody{
			protocol.ActivityResult{Run: "run", ScheduledID: event},
			protocol.ActivityStarted{Run: "run", ScheduledID: event},
			protocol.AnswerInput{Run: "run", Event: event},
			protocol.ChildInput{Run: "run", InitiatedID: event},
		} {
			if got, want := w.Ahead(protocol.Input{Body: body}), event > 7; got != want {
				t.Errorf("%T of event %d: %v, want %v", body, event, got, want)
			}
		}
	}
	for _, body := range []protocol.InputBody{protocol.ActivityResult{Run: "another", ScheduledID: 9}, protocol.SignalInput{Name: "s"}} {
		if w.Ahead(protocol.Input{Body: body}) {
			t.Errorf("%+v is not of the run", body)
		}
	}
}
