package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// leftEvery is how often the owner of the first shard looks for tasks that were left out. What is on its way to a worker, or being removed,
// is not found twice.
const leftEvery = 30 * time.Second

// findLeft looks for tasks that the consumers of their queues have left out, and has them put there again: an activity or a step would wait
// for them for ever. It does so now and then, for all shards.
func (s *shard) findLeft(before []protocol.LeftTask) {
	s.after(leftEvery, func() {
		now, err := s.store.LeftTasks(s.chores)
		if err == nil {
			err = s.restore(slices.DeleteFunc(slices.Clone(now), func(t protocol.LeftTask) bool {
				return !slices.ContainsFunc(before, func(b protocol.LeftTask) bool { return b.Seq == t.Seq })
			}))
		}
		if err != nil && s.chores.Err() == nil {
			s.log.Warn("could not look for tasks that were left out; trying again", "in", leftEvery, "error", err)
		}
		if s.chores.Err() == nil {
			s.findLeft(now)
		}
	})
}

// restore puts tasks on their queues again, if no worker has them.
func (s *shard) restore(left []protocol.LeftTask) error {
	for _, t := range left {
		put := s.callAgain
		if t.Activity != nil {
			put = s.attemptAgain
		}
		if err := put(t); err != nil {
			return err
		}
	}
	return nil
}

// callAgain calls for a worker once more, which does no harm.
func (s *shard) callAgain(t protocol.LeftTask) error {
	return s.persist("call for a worker again", func(ctx context.Context) error {
		return s.store.DispatchWorkflow(t.Queue, *t.Call)(ctx)
	})
}

// attemptAgain has an attempt wait as a retry that is due, under another number, and takes the task away. Whether the activity is still
// to be done, the shard of its workflow decides when the retry wakes up.
func (s *shard) attemptAgain(t protocol.LeftTask) error {
	task := *t.Activity
	asked := []recalled{{Recall: machine.Recall{Run: task.Run, ScheduledID: task.ScheduledID}, lies: &task}}
	if err := s.askWhoHolds(asked); err != nil || asked[0].held {
		return err
	}
	s.log.Warn("a task was left out by the consumer of its queue, and is put there again",
		"queue", t.Queue, "workflow_id", task.Workflow, "run_id", task.Run, "scheduled_event_id", task.ScheduledID)
	return s.persist("put a task that was left out on its queue again", func(ctx context.Context) error {
		if err := s.keep(ctx, blobsOf(task)); err != nil {
			return err
		}
		err := s.store.ArmRetry(t.Shard, machine.Recalled(task), s.time.now())(ctx)
		if err != nil && !errors.Is(err, protocol.ErrConflict) {
			return err
		}
		return s.store.RemoveActivity(ctx, task)
	})
}
