package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// A history that has lost its end is decided anew from there, and what followed from the lost records may still be there: a task, a
// question to another workflow, its answer. Taken for themselves they do no harm: what a run does not know of, it passes over. But streams
// remember message IDs for a while, also those of messages that were there when the server was started and are gone by now, and what is
// decided anew has the same ones, because they are made of the run and the event. It would pass for what was told before, and nobody
// would hear of it.
//
// So whatever follows from a step that this node has just recorded, and that a stream takes for a repetition, is sent once more under an ID
// that there never was, unless it is there. Should it have been a repetition after all, because the acknowledgement of the first try got
// lost, then whoever is told recognises what is asked, and an activity runs once more. Where effects are repeated on purpose, a repetition
// is what is wanted.

// tell has another workflow told something. fresh says that it follows from a step that was just recorded, also when it is told for the
// second time because nobody has acknowledged the first message: that may be lost with the leader that had it, although its successor
// knows the ID. Whoever is told twice passes the second over.
func (s *shard) tell(t machine.Tell, fresh bool) Ack {
	first := s.store.Send(t.Workflow, t.Body, t.ID)
	return func(ctx context.Context) error {
		err := first(ctx)
		switch {
		case !errors.Is(err, protocol.ErrRepeated):
			return err
		case fresh:
			return s.store.Send(t.Workflow, t.Body, t.ID+"~"+s.nonce())(ctx)
		}
		return nil
	}
}

// queue puts an attempt on its queue. One that is there, or that a later one has followed, is not put there again. One that is there and
// was given to a worker is counted among the taken, if it may be that no worker will be given it any more.
func (s *shard) queue(task protocol.ActivityTask, fresh bool, taken *[]protocol.ActivityTask) Ack {
	first := s.store.DispatchActivity(task)
	return func(ctx context.Context) error {
		err := first(ctx)
		switch {
		case errors.Is(err, protocol.ErrTaken):
			if s.losses {
				*taken = append(*taken, task)
			}
			return nil
		case !errors.Is(err, protocol.ErrRepeated):
			return err
		}
		if there, err := s.lies(ctx, task, task.Number()); !fresh || there || err != nil {
			return err
		}
		return s.store.DispatchActivity(another(task))(ctx)
	}
}

// another is the same attempt under a number that there never was: it does not count as one more.
func another(task protocol.ActivityTask) protocol.ActivityTask {
	task.Forgiven += int(time.Now().Unix() % 1e8)
	return task
}

// replace puts attempts on their queues in place of tasks that workers were given and none has. Such a task is done, and is back in the
// stream because its removal was not flushed, while the queue's consumer knows that it is done: nobody will ever come for it.
func (s *shard) replace(taken []protocol.ActivityTask) error {
	all := make([]recalled, len(taken))
	for i := range taken {
		all[i] = recalled{Recall: machine.Recall{Run: taken[i].Run, ScheduledID: taken[i].ScheduledID}, lies: &taken[i]}
	}
	if err := s.askWhoHolds(all); err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c recalled) bool { return c.held })
	instead := make([]protocol.ActivityTask, len(all))
	for i, c := range all {
		instead[i] = another(*c.lies)
	}
	put := make([]bool, len(all))
	return s.each(len(all), "replace a task that nobody has", func(ctx context.Context, i int) error {
		task := *all[i].lies
		if !put[i] {
			lies, err := s.store.QueuedActivity(ctx, task.Queue, task.Run, task.ScheduledID)
			if err != nil || lies == nil || lies.Number() != task.Number() {
				return err // its removal was on the way
			}
			if err := s.store.DispatchActivity(instead[i])(ctx); err != nil && !errors.Is(err, protocol.ErrRepeated) {
				return err
			}
			put[i] = true
		}
		return s.store.RemoveActivity(ctx, task)
	})
}

// lies reports whether an attempt of an activity is on its queue, or with a worker that took it from there, that has a number or a higher
// one, or whether one with a higher number waits. An earlier one does not count: nobody will try again after it has failed.
func (s *shard) lies(ctx context.Context, task protocol.ActivityTask, number int) (bool, error) {
	if waits, err := s.waits(ctx, task, number); waits || err != nil {
		return waits, err
	}
	queued, err := s.store.QueuedActivity(ctx, task.Queue, task.Run, task.ScheduledID)
	if errors.Is(err, protocol.ErrCorrupt) {
		return false, nil
	}
	return queued != nil && queued.Number() >= number, err
}

// waits reports whether an attempt of an activity with a higher number waits for its time.
func (s *shard) waits(ctx context.Context, task protocol.ActivityTask, number int) (bool, error) {
	waiting, _, err := s.store.Retry(ctx, s.id, task.Workflow, task.Run, task.ScheduledID)
	if errors.Is(err, protocol.ErrCorrupt) {
		return false, nil
	}
	return waiting != nil && waiting.Number() > number, err
}
