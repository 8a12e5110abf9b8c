package machine

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A command that makes no sense fails the workflow task with a sentence that says which and why. Nothing of the answer is recorded, and
// the right answer is taken afterwards.
func TestACommandThatMakesNoSenseFailsTheTask(t *testing.T) {
	t.Parallel()
	with := func(change func(*protocol.ScheduleActivityTask)) protocol.ScheduleActivityTask {
		c := charge("new")
		change(&c)
		return c
	}
	for _, test := range []struct {
		command protocol.CommandAttributes
		why     string
	}{
		{with(func(c *protocol.ScheduleActivityTask) { c.ActivityID = "" }), "the activity ID is empty"},
		{with(func(c *protocol.ScheduleActivityTask) { c.ActivityType = "" }), "the activity type is empty"},
		{with(func(c *protocol.ScheduleActivityTask) { c.ActivityID = "1" }), `activity "1" is running already`},
		{with(func(c *protocol.ScheduleActivityTask) { c.StartToClose = -1 }), "negative timeout"},
		{with(func(c *protocol.ScheduleActivityTask) { c.Queue = strings.Repeat("q", 2000) }), "queue"},
		{with(func(c *protocol.ScheduleActivityTask) { c.RetryPolicy.BackoffCoefficient = 0.5 }), "backoff coefficient"},
		{protocol.RequestCancelActivityTask{ActivityID: "9"}, `there is no activity "9"`},
		{timer("", time.Hour), "the timer ID is empty"},
		{timer("1", time.Hour), `timer "1" is running already`},
		{timer("new", -1), "negative duration"},
		{protocol.CancelTimer{TimerID: "9"}, `there is no timer "9"`},
		{protocol.FailWorkflowExecution{}, "the failure is missing"},
		{unknownCommand{}, "does not know"},
	} {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			w := begun(t, charge("1"), timer("1", time.Hour))
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			events := answer(t, w, charge("2"), test.command).Record.Events
			f, ok := events[len(events)-1].Attributes.(protocol.WorkflowTaskFailed)
			if !ok || f.Cause != protocol.CauseBadCommand || !strings.Contains(f.Failure.Message, "command 2") ||
				!strings.Contains(f.Failure.Message, test.why) {
				t.Fatalf("got %v, want a failed task that says command 2 and %q", text(events[len(events)-1]), test.why)
			}
			w.pass(time.Second)
			answer(t, w, charge("2"))
			if n := len(w.w.Describe().Activities); n != 2 {
				t.Errorf("got %d activities after the right answer, want 2", n)
			}
		})
	}
}

type unknownCommand struct{}

func (unknownCommand) CommandType() protocol.CommandType { return "Dance" }

// History keeps an activity's timeouts and retry policy with every default filled in, and a task tells its worker all of it.
func TestAnActivityIsStoredNormalised(t *testing.T) {
	t.Parallel()
	c := charge("1")
	c.ScheduleToClose, c.Heartbeat = protocol.Duration(time.Minute), protocol.Duration(time.Second)
	c.StartToClose, c.Headers = protocol.Duration(time.Hour), map[string]string{"trace": "t"}
	w := begun(t, c)

	task := w.last.Activities[0]
	if task.Queue != "orders" || time.Duration(task.StartToClose) != time.Minute || time.Duration(task.Heartbeat) != time.Second ||
		!task.Deadline.Equal(midnight.Add(time.Minute)) || task.Headers["trace"] != "t" {
		t.Errorf("got %s, want the run's queue, and no attempt that may outlast the deadline", text(task))
	}
	a, _ := w.w.Run.activities.get(task.ScheduledID)
	if p := a.RetryPolicy; p.InitialInterval == 0 || p.BackoffCoefficient == 0 || p.MaximumInterval == 0 {
		t.Errorf("got policy %s, want one with its defaults", text(p))
	}

	w.arrive(protocol.ActivityResult{Run: "run-1", ScheduledID: task.ScheduledID, Attempt: 1, Failure: failed()}, "")
	retry := decide(t, w).Retries[0].Task
	if retry.Attempt != 2 || retry.LastFailure == nil || retry.Headers["trace"] != "t" {
		t.Errorf("got retry %s, want the second attempt with why the first one failed", text(retry))
	}
}

// No timeout of an activity is longer than the run's. One that has none of its own gets none: it ends with the run.
func TestARunTimeoutIsAroundThoseOfItsActivities(t *testing.T) {
	t.Parallel()
	long, bare := charge("1"), charge("2")
	day := protocol.Duration(24 * time.Hour)
	long.StartToClose, long.ScheduleToStart, long.Heartbeat = day, day, day
	w := newWorld()
	w.start("request-1", time.Hour)
	answer(t, w, long, bare)
	a, _ := w.w.Run.activities.get(w.last.Activities[0].ScheduledID)
	if hour := protocol.Duration(time.Hour); a.StartToClose != hour || a.ScheduleToStart != hour || a.Heartbeat != hour || a.ScheduleToClose != 0 {
		t.Errorf("got %s, want each timeout cut to an hour", text(a))
	}
	b, _ := w.w.Run.activities.get(w.last.Activities[1].ScheduledID)
	if b.StartToClose != 0 || b.ScheduleToStart != 0 || b.Heartbeat != 0 || b.ScheduleToClose != 0 {
		t.Errorf("got %s, want no timeouts", text(b))
	}
}
