package orchestrator

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// maxLate is how many recalls of a shard wait for the workers' answers at once, beside its steps.
const maxLate = 64

// recall performs the recalls of a step. Those that may be late are performed beside the steps that follow.
func (a *actor) recall(recalls []machine.Recall) error {
	for _, c := range recalls {
		if c.Late {
			a.shard.aside(func() { _, _ = a.shard.recall(a.id, c) })
			continue
		}
		retries, err := a.shard.recall(a.id, c)
		if err != nil {
			return err
		}
		a.w.Note(machine.Ready{Retries: retries})
	}
	return nil
}

// dismiss takes the tasks of a run that has ended off their queues. Nothing depends on it: their results would be refused.
func (a *actor) dismiss(fx machine.Effects) {
	if fx.Closed == nil {
		return
	}
	for _, c := range fx.Cancels {
		a.shard.aside(func() {
			if err := a.shard.store.RemoveActivities(a.shard.ctx, c.Queue, c.Run); err != nil {
				a.shard.log.Debug("the tasks of a run that has ended stay on their queue", "queue", c.Queue, "run_id", c.Run, "error", err)
			}
		})
	}
}

// aside runs f on a goroutine that the shard waits for when it ends.
func (s *shard) aside(f func()) {
	if !s.begin() {
		return
	}
	go func() {
		defer s.end()
		select {
		case s.late <- struct{}{}:
			defer func() { <-s.late }()
			f()
		case <-s.ctx.Done():
		}
	}()
}

// recall performs one recall, and returns the attempt that waits from now on, if it is a new one.
func (s *shard) recall(workflow string, c machine.Recall) ([]machine.Retry, error) {
	var waiting, lies *protocol.ActivityTask
	err := s.persist("recall an attempt of an activity", func(ctx context.Context) (err error) {
		if c.DropHeartbeat {
			if err := s.store.DeleteHeartbeat(ctx, c.Run, c.ScheduledID); err != nil {
				return err
			}
		}
		if waiting, _, err = s.store.Retry(ctx, s.id, workflow, c.Run, c.ScheduledID); err != nil || waiting != nil {
			return err
		}
		if lies, err = s.onQueue(ctx, c); err != nil || lies == nil || c.Stay {
			return err
		}
		if held, err := s.store.RecallActivity(ctx, *lies); held || err != nil {
			lies = nil
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case waiting != nil && c.Hold:
		return nil, nil // when its time comes it waits on
	case waiting != nil:
		return s.comeBack(workflow, *waiting, now())
	case lies != nil && !c.Stay:
		return s.takeBack(workflow, *lies, c.Hold)
	case lies == nil && c.Lost != nil:
		return s.comeBack(workflow, machine.Recalled(*c.Lost), now())
	}
	return nil, nil
}

// onQueue finds the attempt that lies on a queue or is with a worker.
func (s *shard) onQueue(ctx context.Context, c machine.Recall) (*protocol.ActivityTask, error) {
	for _, queue := range c.Queues {
		task, err := s.store.QueuedActivity(ctx, queue, c.Run, c.ScheduledID)
		if err != nil || task != nil {
			return task, err
		}
	}
	return nil, nil
}

// takeBack takes an attempt off its queue. First the attempt that comes in its place is stored: a node that dies in between leaves two
// of them, and never none.
func (s *shard) takeBack(workflow string, task protocol.ActivityTask, hold bool) ([]machine.Retry, error) {
	at := now()
	if hold {
		at = machine.Held(at)
	}
	retries, err := s.comeBack(workflow, machine.Recalled(task), at)
	if err != nil {
		return nil, err
	}
	return retries, s.persist("take an attempt off its queue", func(ctx context.Context) error {
		return s.store.RemoveActivity(ctx, task)
	})
}

// comeBack has an attempt come back to the workflow.
func (s *shard) comeBack(workflow string, task protocol.ActivityTask, at time.Time) ([]machine.Retry, error) {
	retries := []machine.Retry{{Task: task, At: at}}
	return retries, s.dispatch(machine.Effects{}, retries, workflow)
}
