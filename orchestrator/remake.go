package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// After a restore, or when a stream has lost its end, nobody knows what is left of what follows from history. Each workflow is read then,
// and what it needs to go on is made anew:
//
//   - an attempt of each pending activity that lies nowhere: not on a queue, not among the retries, not with a worker that was handed it.
//     It waits like a retry, long enough for a result that lies in the inbox. Which attempt it was is lost, so it counts as the first. One
//     that lies on a queue and was given to a worker is looked after in the same way: it may be done, see fresh.go;
//   - what the workflow has asked others and not been answered, and what its end means to them. They recognise what they know;
//   - its wake-up, and the call for a worker;
//   - the rows of all its runs.

// remake adds to the effects of the last record what the workflow needs to go on, and returns the attempts that must be made. watched are
// those that a worker has.
func (a *actor) remake(fx *machine.Effects, last *protocol.Record, watched []machine.Retry) (attempts []machine.Retry, err error) {
	whole := a.w.Resume(last)
	whole.Tells = slices.DeleteFunc(whole.Tells, func(t machine.Tell) bool {
		return slices.ContainsFunc(fx.Tells, func(told machine.Tell) bool { return told.ID == t.ID })
	})
	fx.Tells = append(fx.Tells, whole.Tells...)
	fx.Row = whole.Row
	if fx.Call == nil {
		fx.Call = whole.Call
	}
	queued, err := a.tasks(whole.Activities)
	if err != nil {
		return nil, err
	}
	fx.Activities = slices.DeleteFunc(fx.Activities, func(t protocol.ActivityTask) bool {
		_, lies := queued[t.ScheduledID]
		return lies
	})
	known := make(map[int64]bool)
	for _, task := range fx.Activities {
		known[task.ScheduledID] = true
	}
	for _, r := range watched {
		known[r.Task.ScheduledID] = true
	}
	for _, task := range whole.Activities {
		var waits bool
		err := a.shard.persist("look for an attempt", func(ctx context.Context) (err error) {
			waits, err = a.shard.waits(ctx, task, 0)
			return err
		})
		if err != nil {
			return nil, err
		}
		q, lies := queued[task.ScheduledID]
		switch {
		case known[task.ScheduledID] || waits || lies && !q.Taken:
		case lies:
			attempts = append(attempts, machine.Retry{Task: q.Task, At: machine.Watched(a.shard.time.now())})
		default:
			a.shard.log.Info("an attempt of an activity is made anew", "workflow_id", a.id, "scheduled_event_id", task.ScheduledID)
			attempts = append(attempts, machine.Retry{Task: task, At: machine.Watched(a.shard.time.now())})
		}
	}
	return attempts, a.remakeRows()
}

// tasks finds the tasks that lie on queues for the pending activities, by the event. All others of the run are taken off: they are of
// records that are lost, and would take the places of the tasks that are decided instead.
func (a *actor) tasks(pending []protocol.ActivityTask) (found map[int64]protocol.QueuedActivity, err error) {
	s := a.shard
	err = s.persist("look for the tasks of a run", func(ctx context.Context) error {
		all, err := s.store.QueuedActivities(ctx, a.w.Run.ID())
		found = make(map[int64]protocol.QueuedActivity, len(all))
		for _, q := range all {
			known := slices.ContainsFunc(pending, func(t protocol.ActivityTask) bool {
				return t.ScheduledID == q.Task.ScheduledID && t.ScheduledTime.Equal(q.Task.ScheduledTime)
			})
			if known {
				found[q.Task.ScheduledID] = q
			} else {
				err = errors.Join(err, s.store.RemoveQueued(ctx, q.Subject))
			}
		}
		return err
	})
	return found, err
}

// remakeRows stores the rows of the runs before the latest one. Records of them that cannot be read leave theirs out.
func (a *actor) remakeRows() error {
	s := a.shard
	if a.w.Run.First <= 1 {
		return nil
	}
	return s.persist("read the earlier runs of a workflow", func(ctx context.Context) error {
		w, began := machine.New(a.id), time.Now()
		put := func() { s.rows.put(s.source, w.Run.Row(), began, func() {}) }
		for e, err := range s.store.Range(ctx, s.id, a.id, 1, a.w.Run.First-1) {
			if err != nil {
				return err
			}
			r, err := decodeRecord(a.id, e)
			if err != nil {
				w = machine.New(a.id)
				continue
			}
			if r.Step == 1 && w.Run != nil {
				put()
			}
			if w.Apply(e.Seq, protocol.Digest(e.Data), r) != nil {
				w = machine.New(a.id)
			}
		}
		if w.Run != nil {
			put()
		}
		return nil
	})
}
