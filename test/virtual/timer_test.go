package virtual

import (
	"strconv"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// WakeUp says when it woke up.
func WakeUp(ctx workflow.Context, d time.Duration) (time.Time, error) {
	err := workflow.Sleep(ctx, d)
	return time.Now(), err
}

// exact is how late a timer may be where nothing takes time. The server's schedules alone are up to 250 ms late.
const exact = 5 * time.Millisecond

// onTime checks that a run went on when its timer was due.
func onTime(t *testing.T, e *rig.Engine, run *client.Run[time.Time]) {
	t.Helper()
	woke := rig.Result(t, client.Get[time.Time](e.Client(), run.ID(), ""))
	for _, timer := range rig.Find[protocol.TimerStarted](e.History(t, run.ID())) {
		if late := woke.Sub(timer.FireAt); late < 0 || late > exact {
			t.Errorf("the timer of %s went off %s late", run.ID(), late)
		}
	}
}

// Timers are on time although the node that wakes the runs up never heard of them before, and so are short ones, and those of runs that
// have slept for so long that their node has forgotten them.
func TestTimersAreOnTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		e := rig.Start(t)
		stop := e.Work(t, worker.Workflow(WakeUp))
		var runs []*client.Run[time.Time]
		nap := func(d time.Duration) {
			id := client.ID("nap-" + strconv.Itoa(len(runs)))
			runs = append(runs, rig.Run(t, e, WakeUp, d, id))
		}
		for i := range 10 {
			nap(time.Hour + time.Duration(i)*137*time.Millisecond)
		}
		stop()
		e.Halt(t)
		e = rig.Start(t, rig.In(e.Dir))
		e.Work(t, worker.Workflow(WakeUp))
		for _, d := range []time.Duration{time.Millisecond, time.Second, 1999 * time.Millisecond, 2001 * time.Millisecond, time.Minute, time.Hour} {
			nap(d)
		}
		for _, run := range runs {
			onTime(t, e, run)
		}
	})
}

// A wake-up fires a moment before its time. The node that holds it stops, and the next one is as punctual.
func TestHeldWakeupOutlivesItsNode(t *testing.T) {
	virtual(t, func(t *testing.T) {
		e := rig.Start(t)
		stop := e.Work(t, worker.Workflow(WakeUp))
		run := rig.Run(t, e, WakeUp, time.Minute+137*time.Millisecond)
		began := time.Now()
		stop()
		<-time.After(time.Until(began.Add(time.Minute - 400*time.Millisecond)))
		e.Halt(t)
		e = rig.Start(t, rig.In(e.Dir))
		e.Work(t, worker.Workflow(WakeUp))
		onTime(t, e, run)
	})
}
