package machine

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Queues keep messages of runs that have ended and of attempts that are over. Event 5 of every run here is an activity, so a message
// that was meant for another run would find one.
func TestAMessageFromAnotherLifeChangesNothing(t *testing.T) {
	t.Parallel()
	result := func(run string, attempt int, f *protocol.Failure) protocol.InputBody {
		return protocol.ActivityResult{Run: run, ScheduledID: 5, Attempt: attempt, Worker: "ada", Failure: f}
	}
	for name, body := range map[string]protocol.InputBody{
		"a result of another run":                 result("run-0", 1, nil),
		"a failure of another run":                result("run-0", 2, failed()),
		"a failure of an attempt that is over":    result("run-1", 1, failed()),
		"a retry of another run":                  protocol.TimerInput{Task: &protocol.ActivityTask{Run: "run-0", ScheduledID: 5, Attempt: 2}},
		"a retry that is over":                    protocol.TimerInput{Task: &protocol.ActivityTask{Run: "run-1", ScheduledID: 5, Attempt: 1}},
		"a retry of what was never scheduled":     protocol.TimerInput{Task: &protocol.ActivityTask{Run: "run-1", ScheduledID: 6, Attempt: 2}},
		"a worker that is ready for another run":  protocol.WorkerReady{Run: "run-0", ScheduledID: 2, Worker: "bob"},
		"a worker that is ready for what is done": protocol.WorkerReady{Run: "run-1", ScheduledID: 2, Worker: "bob"},
		"a wake-up for nothing":                   protocol.TimerInput{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := begun(t, charge("1"))
			w.arrive(protocol.ActivityResult{Run: "run-1", ScheduledID: 5, Attempt: 1, Failure: failed()}, "")
			decide(t, w)
			w.pass(time.Second)
			decide(t, w) // the second attempt is out

			w.arrive(body, "")
			if w.begin() {
				t.Fatal("a worker is asked")
			}
			r := committed(t, w, w.turn.Decide(w.now))
			if r.Record != nil || len(r.Retries)+len(r.Resumed) > 0 || r.Call != nil {
				t.Errorf("got record %v, retries %v, resumed %v, call %v, want nothing", types(r.Record), r.Retries, r.Resumed, r.Call)
			}
			if a := w.w.Describe().Activities; len(a) != 1 || a[0].Attempt != 2 {
				t.Errorf("got activities %s, want the second attempt of one", text(a))
			}
		})
	}
}

// History has lost its end, and the run has decided otherwise: the same event schedules another activity now. What became of the one that is
// lost, even what it returned, is not taken for this one's; and its task may have kept this one's off the queue.
func TestAResultOfAnActivityThatIsLostIsTakenForNoOthers(t *testing.T) {
	t.Parallel()
	w := begun(t, charge("1"))
	stranger := protocol.ActivityResult{
		Run: "run-1", ScheduledID: 5, Attempt: 3, Scheduled: midnight.Add(-time.Minute), Worker: "ada", Result: protocol.Payload{Data: []byte("7")},
	}
	own := protocol.ActivityResult{Run: "run-1", ScheduledID: 5, Attempt: 1, Scheduled: w.w.Describe().Activities[0].Scheduled, Worker: "ada"}
	once := func(retries []Retry) {
		t.Helper()
		if len(retries) != 1 || retries[0].Task.Attempt != 1 || retries[0].Task.Number() != 4 || retries[0].At.After(w.now) {
			t.Errorf("got retries %s, want the first attempt at once, as number 4", text(retries))
		}
	}
	w.arrive(stranger, "")
	once(decide(t, w).Retries)
	once(begun(t, charge("1")).w.Retries([]protocol.Input{{Body: stranger}}, w.now))
	w.arrive(stranger, "")
	if r := decide(t, w); r.Record != nil || len(r.Retries) > 0 {
		t.Errorf("got record %v and retries %v, want nothing: the attempt is over", types(r.Record), r.Retries)
	}
	w.arrive(own, "")
	if got := types(answer(t, w).Record); !slices.Contains(got, "ActivityTaskCompleted") {
		t.Errorf("got %v, want a completed activity", got)
	}
}

// A worker may stop an activity that nobody asked to stop. That is a failure, and one that no attempt will mend.
func TestACancellationThatNobodyAskedForIsAFailure(t *testing.T) {
	t.Parallel()
	w := begun(t, charge("1"))
	w.arrive(protocol.ActivityResult{Run: "run-1", ScheduledID: 5, Attempt: 1, Failure: protocol.CanceledError("stopped")}, "")
	got := types(answer(t, w).Record)
	if !slices.Contains(got, "ActivityTaskFailed") || slices.Contains(got, "ActivityTaskCanceled") {
		t.Errorf("got %v, want a failed activity", got)
	}
}

// The last attempt ran out of time: history says timed out, and not failed.
func TestALastAttemptThatTimesOutIsATimeout(t *testing.T) {
	t.Parallel()
	c := charge("1")
	c.RetryPolicy.MaximumAttempts = 1
	w := begun(t, c)
	late := protocol.TimeoutError(protocol.TimeoutHeartbeat, "silence", nil)
	w.arrive(protocol.ActivityResult{Run: "run-1", ScheduledID: 5, Attempt: 1, Failure: late}, "")
	if got := types(answer(t, w).Record); !slices.Contains(got, "ActivityTaskTimedOut") {
		t.Errorf("got %v, want a timed out activity", got)
	}
}

// A call for a worker may have been lost with the node that made it. A wake-up makes it once more; nothing else does.
func TestAWakeUpCallsForAWorkerOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.start("request-1", 0)
	if decide(t, w); w.last.Call == nil {
		t.Fatal("nobody is called")
	}
	w.arrive(protocol.TerminateInput{Run: "run-9"}, "")
	if r := decide(t, w); r.Call != nil {
		t.Error("a refused input calls for a worker")
	}
	w.arrive(protocol.TimerInput{}, "")
	if r := decide(t, w); r.Call == nil || r.Call.Task.ScheduledID != 2 {
		t.Errorf("got call %v, want one for event 2", r.Call)
	}
}

// Times of a run never run backwards, whatever the clock of the node does that took it over.
func TestAClockThatRunsBackwardsDoesNotTurnHistoryAround(t *testing.T) {
	t.Parallel()
	w := begun(t)
	w.now = w.now.Add(-time.Hour)
	w.arrive(protocol.SignalInput{Name: "go"}, "")
	for _, e := range answer(t, w, timer("1", time.Minute)).Record.Events {
		if e.Time.Before(midnight) {
			t.Errorf("event %d is of %s, before the run began", e.ID, e.Time)
		}
		if s, ok := e.Attributes.(protocol.TimerStarted); ok && !s.FireAt.Equal(e.Time.Add(time.Minute)) {
			t.Errorf("the timer fires at %s, want a minute after %s", s.FireAt, e.Time)
		}
	}
}

// A step that fails for a week is tried twice a minute, and adds nothing to the history after the first time.
func TestTheWaitsOfAFailingStepGrowUpToHalfAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.start("request-1", 0)
	var waits []time.Duration
	for range 70 {
		w.begin()
		r := committed(t, w, w.turn.TimedOut("ada", w.now))
		waits = append(waits, r.TaskRetry.At.Sub(w.now))
		w.pass(waits[len(waits)-1])
	}
	for i, want := range []float64{1, 2, 4, 8, 16, 30, 30} {
		if waits[i].Seconds() != want {
			t.Errorf("wait %d is %s, want %v s", i+1, waits[i], want)
		}
	}
	if last := waits[len(waits)-1]; last != 30*time.Second || len(w.records) != 1 {
		t.Errorf("got %d records and a last wait of %s, want 1 and 30s", len(w.records), last)
	}
}
