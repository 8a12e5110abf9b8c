package machine

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// versioned takes a step that a worker of a version answers, and returns the queue on which it was offered while another one is current.
func versioned(t *testing.T, w *world, current, version string, pinned bool, asked ...protocol.CommandAttributes) string {
	t.Helper()
	if !w.begin() {
		t.Fatal("nobody is wanted for the step")
	}
	w.turn.Route(current)
	queue := w.turn.Task(w.now).Queue
	a := &protocol.WorkflowTaskAnswer{Worker: "ada", Version: version, Pinned: pinned}
	for _, c := range asked {
		a.Commands = append(a.Commands, protocol.Command{Attributes: c})
	}
	if err := w.commit(w.turn.Answer(a, w.now)); err != nil {
		t.Fatal(err)
	}
	return queue
}

// A pinned run stays with the version that took its first step, and so does the run that continues it. The others follow what is current.
func TestPinnedRunsStayWithTheirVersion(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name       string
		pinned     bool
		then, next string // the queues of the second step, and of the next run's first
	}{
		{"pinned", true, "orders@v1", "orders@v1"},
		{"not pinned", false, "orders@v2", "orders@v3"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.start("request-1", 0)
			if queue := versioned(t, w, "v1", "v1", x.pinned, timer("1", time.Hour)); queue != "orders@v1" {
				t.Errorf("the first step was offered on %s", queue)
			}
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			next := protocol.ContinueAsNewWorkflowExecution{}
			if queue := versioned(t, w, "v2", "v1", x.pinned, next); queue != x.then {
				t.Errorf("the second step was offered on %s, want %s", queue, x.then)
			}
			if queue := versioned(t, w, "v3", "v1", x.pinned); queue != x.next {
				t.Errorf("the next run was offered on %s, want %s", queue, x.next)
			}
			if v := w.w.Describe().Version; v != "v1" {
				t.Errorf("describe shows version %q", v)
			}
		})
	}
}
