package machine

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A list shows that a run is open and that it has ended. What happens in between costs it no write.
func TestARunIsListedWhenItBeginsAndWhenItEnds(t *testing.T) {
	t.Parallel()
	w := begun(t, timer("1", time.Minute))
	if row := w.last.Row; row == nil || row.Status != protocol.StatusRunning || !row.Started.Equal(midnight) || row.Run != "run-1" {
		t.Errorf("at the start the row is %s, want a running one", text(row))
	}
	w.arrive(protocol.SignalInput{Name: "go"}, "")
	if answer(t, w); w.last.Row != nil {
		t.Errorf("a signal writes the row %s, want none", text(w.last.Row))
	}
	w.pass(time.Minute)
	answer(t, w, protocol.CompleteWorkflowExecution{})
	row := w.last.Row
	if row == nil || row.Status != protocol.StatusCompleted || !row.Closed.Equal(w.now) || row.HistoryLength != w.w.Run.LastEvent {
		t.Errorf("at the end the row is %s, want a completed one", text(row))
	}
}

// Timers that are due together fire in the order of their times, not in the order in which they were started.
func TestTimersFireInOrder(t *testing.T) {
	t.Parallel()
	w := begun(t, timer("c", 3*time.Hour), timer("e", 5*time.Hour), timer("b", 2*time.Hour), timer("d", 4*time.Hour), timer("a", time.Hour))
	w.pass(6 * time.Hour)
	var fired []string
	for _, e := range answer(t, w).Record.Events {
		if f, ok := e.Attributes.(protocol.TimerFired); ok {
			fired = append(fired, f.TimerID)
		}
	}
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(fired, want) {
		t.Errorf("got %v, want %v", fired, want)
	}
}

// What has ended gives its ID back.
func TestAnIDCanBeUsedAgain(t *testing.T) {
	t.Parallel()
	w := begun(t, charge("1"), timer("1", time.Hour), timer("2", time.Hour))
	w.arrive(protocol.ActivityResult{Run: "run-1", ScheduledID: 5, Attempt: 1}, "")
	w.pass(time.Hour)
	got := types(answer(t, w, charge("1"), timer("1", time.Hour), protocol.CancelTimer{TimerID: "1"}, timer("1", time.Hour)).Record)
	if got[len(got)-1] != "TimerStarted" {
		t.Errorf("got %v, want the commands taken", got)
	}
}

// A worker that found an old call, of a run that has ended, does not get the step of another.
func TestAWorkerThatIsReadyForAnotherRunIsNotAsked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.start("request-1", 0)
	decide(t, w)
	w.arrive(protocol.WorkerReady{Run: "run-0", ScheduledID: 2, Worker: "bob"}, "")
	if w.begin() || w.turn.Worker() == "bob" {
		t.Error("bob is asked")
	}
}
