package machine

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// begun is a run whose first step asked for the given things.
func begun(t *testing.T, asked ...protocol.CommandAttributes) *world {
	t.Helper()
	w := newWorld()
	w.start("request-1", 0)
	answer(t, w, asked...)
	return w
}

// answer takes a step in which a worker answers.
func answer(t *testing.T, w *world, asked ...protocol.CommandAttributes) Ready {
	t.Helper()
	if !w.begin() {
		t.Fatal("nobody is wanted for the step")
	}
	a := &protocol.WorkflowTaskAnswer{Worker: "ada"}
	for _, c := range asked {
		a.Commands = append(a.Commands, protocol.Command{Attributes: c})
	}
	return committed(t, w, w.turn.Answer(a, w.now))
}

// decide takes a step that no worker takes.
func decide(t *testing.T, w *world) Ready {
	t.Helper()
	w.begin()
	return committed(t, w, w.turn.Decide(w.now))
}

func committed(t *testing.T, w *world, r Ready) Ready {
	t.Helper()
	if err := w.commit(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func charge(id string) protocol.ScheduleActivityTask {
	return protocol.ScheduleActivityTask{ActivityID: id, ActivityType: "shop.Charge"}
}

func timer(id string, d time.Duration) protocol.StartTimer {
	return protocol.StartTimer{TimerID: id, StartToFire: protocol.Duration(d)}
}

// failed is a failure that may be tried again.
func failed() *protocol.Failure {
	return &protocol.Failure{Message: "no", Application: &protocol.ApplicationFailure{Type: "No"}}
}

// types are the types of a record's events.
func types(r *protocol.Record) []protocol.EventType {
	if r == nil {
		return nil
	}
	var out []protocol.EventType
	for _, e := range r.Events {
		out = append(out, e.Type())
	}
	return out
}
