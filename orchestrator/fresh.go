package orchestrator

import (
	"context"
	"errors"
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

// tell has another workflow told something. fresh says that it follows from a step that was just recorded.
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

// queue puts an attempt on its queue. One that is there, or that a later one has followed, is not put there again.
func (s *shard) queue(task protocol.ActivityTask, fresh bool) Ack {
	first := s.store.DispatchActivity(task)
	return func(ctx context.Context) error {
		err := first(ctx)
		if !errors.Is(err, protocol.ErrRepeated) {
			return err
		}
		if there, err := s.lies(ctx, task, task.Number()); !fresh || there || err != nil {
			return err
		}
		task.Forgiven += int(time.Now().Unix() % 1e8) // another number is another attempt, and does not count
		return s.store.DispatchActivity(task)(ctx)
	}
}

// lies reports whether an attempt of an activity is on its queue, or with a worker that took it from there, that has a number or a higher
// one, or whether one with a higher number waits. An earlier one does not count: nobody will try again after it has failed.
func (s *shard) lies(ctx context.Context, task protocol.ActivityTask, number int) (bool, error) {
	waiting, _, err := s.store.Retry(ctx, s.id, task.Workflow, task.Run, task.ScheduledID)
	switch {
	case err != nil && !errors.Is(err, protocol.ErrCorrupt):
		return false, err
	case waiting != nil && waiting.Number() > number:
		return true, nil
	}
	queued, err := s.store.QueuedActivity(ctx, task.Queue, task.Run, task.ScheduledID)
	if errors.Is(err, protocol.ErrCorrupt) {
		return false, nil
	}
	return queued != nil && queued.Number() >= number, err
}
