package machine

import (
	"cmp"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Recall brings the next attempt of an activity where it belongs: into the timers stream, to come back at once (the machine then decides
// anew what becomes of it) or, while the activity is paused, to wait there.
//
// Where it lies now only the world knows. It may wait for a retry, lie on its queue, run, or have ended; a node that took over does
// not even know its number. So each step of a recall looks first, and finds nothing to do if it was done before.
type Recall struct {
	Run         string
	ScheduledID int64
	// Queues are where the attempt may lie.
	Queues []string
	// Stay leaves an attempt on its queue: only one that waits for a retry is called.
	Stay bool
	// Hold says that the attempt must wait, until the activity is unpaused.
	Hold bool
	// Stop is why a worker should stop that runs the attempt. It was told before, but the attempt may have begun since. Empty: it should
	// not.
	Stop protocol.StopReason
	// Late says that it may be too late for the recall, and that it may get lost: the activity is to be canceled, and whoever takes it
	// says so otherwise.
	Late bool
	// Lost is an attempt that somebody else than a worker has, whom nobody can ask: if no later one lies on a queue, the next begins.
	Lost *protocol.ActivityTask
	// Drop is the reset before which what was reported must not be found any more; zero: there is none. An attempt that knows of the
	// reset passes it over anyway, but one that lies on its queue does not.
	Drop int64
}

// Held is when an attempt that is held comes back to ask again.
func Held(now time.Time) time.Time { return now.Add(holdFor) }

// Recalled is the attempt that comes in place of the given one, which never began and so does not count.
func Recalled(task protocol.ActivityTask) protocol.ActivityTask {
	task.Forgiven++
	return task
}

// controlEffects derives what follows from an event of activity_control.go.
func (r *Run) controlEffects(fx *Effects, e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.ActivityTaskPaused:
		r.stop(fx, a.ScheduledID, protocol.StopPaused)
	case protocol.ActivityTaskUnpaused:
		r.recall(fx, a.ScheduledID, Recall{Stay: true})
	case protocol.ActivityTaskReset:
		if act, ok := r.activities.get(a.ScheduledID); ok {
			r.interrupt(fx, act, protocol.CancelActivity{Why: protocol.StopReset})
			c := Recall{Stay: true, Lost: r.lost(act)}
			if a.DropHeartbeat {
				c.Drop = e.ID
			}
			r.recall(fx, a.ScheduledID, c)
		}
	case protocol.ActivityTaskOptionsUpdated:
		r.recall(fx, a.ScheduledID, Recall{})
	}
}

// lost is the attempt that somebody else than a worker completes; nil when there is none.
func (r *Run) lost(act Activity) *protocol.ActivityTask {
	if !act.Async {
		return nil
	}
	act.Attempt, act.Forgiven, act.LastFailure = act.begun, 0, nil
	task := r.activityTask(act)
	task.Reset = 0 // it began before the reset
	return &task
}

// stop asks whoever runs the activity to stop, and takes an attempt that nobody runs off its queue.
func (r *Run) stop(fx *Effects, event int64, why protocol.StopReason) {
	if act, ok := r.activities.get(event); ok {
		r.interrupt(fx, act, protocol.CancelActivity{Why: why})
		r.recall(fx, event, Recall{Stop: cmp.Or(why, protocol.StopCanceled)})
	}
}

func (r *Run) interrupt(fx *Effects, act Activity, c protocol.CancelActivity) {
	c.Run, c.ScheduledID = r.ID(), act.Event
	for _, q := range act.queues() {
		fx.Cancels = append(fx.Cancels, Cancel{Queue: q, CancelActivity: c})
	}
}

func (r *Run) recall(fx *Effects, event int64, c Recall) {
	if act, ok := r.activities.get(event); ok {
		c.Run, c.ScheduledID, c.Queues, c.Late = r.ID(), event, act.queues(), act.CancelRequested
		c.Hold = act.Paused != nil && !c.Late
		fx.Recalls = append(fx.Recalls, c)
	}
}

// queues are where an attempt of the activity may lie or run.
func (a Activity) queues() []string {
	queues := append([]string{a.Queue}, a.left...)
	slices.Sort(queues)
	return slices.Compact(queues)
}
