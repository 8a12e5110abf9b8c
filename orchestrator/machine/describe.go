package machine

import (
	"cmp"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Describe tells everything about the latest run. It must not be called when there is none.
func (w *Workflow) Describe() protocol.Description {
	r := w.Run
	d := protocol.Description{Row: r.Row(), CancelRequested: r.CancelRequested, Outcome: r.Outcome, Paused: r.paused, Begins: r.notBefore}
	r.activities.each(func(_ int64, a Activity) {
		d.Activities = append(d.Activities, protocol.PendingActivity{
			ScheduledID: a.Event, ActivityID: a.ActivityID, Type: a.ActivityType, Queue: a.Queue, Scheduled: a.Scheduled,
			Attempt: a.Attempt, Forgiven: a.Forgiven, Reset: a.Reset, NextAttempt: a.NextAttempt,
			MaximumAttempts: a.RetryPolicy.MaximumAttempts,
			LastFailure:     a.LastFailure, CancelRequested: a.CancelRequested, Paused: a.Paused, Changed: a.changed(),
		})
	})
	r.timers.each(func(_ int64, t Timer) {
		d.Timers = append(d.Timers, protocol.PendingTimer{TimerID: t.TimerID, FireAt: t.FireAt})
	})
	for _, u := range r.unfinished() {
		if r.Open() {
			d.Updates = append(d.Updates, protocol.PendingUpdate{
				ID: u.Outcome.ID, Name: u.Call.Name, Stage: u.Outcome.Stage, Event: u.since(),
			})
		}
	}
	slices.SortFunc(d.Activities, func(a, b protocol.PendingActivity) int { return cmp.Compare(a.ScheduledID, b.ScheduledID) })
	slices.SortFunc(d.Timers, func(a, b protocol.PendingTimer) int {
		return cmp.Or(a.FireAt.Compare(b.FireAt), cmp.Compare(a.TimerID, b.TimerID))
	})
	d.Parent = r.Start.Parent
	if r.Open() {
		r.describeChildren(&d)
	}
	d.Task = w.pendingTask()
	return d
}

func (w *Workflow) pendingTask() *protocol.PendingTask {
	var p protocol.PendingTask
	switch {
	case !w.Run.Open():
		return nil
	case w.taskFailure != nil:
		p = *w.taskFailure
	case w.Run.TaskFailure != nil:
		p = *w.Run.TaskFailure
	case w.Run.TaskScheduled == 0:
		return nil
	}
	p.Attempt, p.ScheduledID = w.attempt(), w.Run.TaskScheduled
	return &p
}
