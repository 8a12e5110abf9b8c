package orchestrator

import (
	"context"
	"sync"

	"github.com/millrace-dev/millrace/protocol"
)

// strays are the activities of a shard of which an attempt went to the queue because the worker that was handed one did not answer. It may
// have been cut off only, and report after all: then the activity is over, and the attempt on the queue has nobody who waits for it. It
// would be begun for nothing, and if it works until it is told to stop, it would never end, because nobody tells it any more: a run that
// was canceled had five such attempts at work (2,000 runs of stop-server). So it is taken off the queue when the activity is over.
type strays struct {
	mu  sync.Mutex
	all map[string][]protocol.ActivityTask // by workflow
}

func (s *strays) add(task protocol.ActivityTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string][]protocol.ActivityTask)
	}
	s.all[task.Workflow] = append(s.all[task.Workflow], task)
}

// over takes out those of a workflow that are not pending any more.
func (s *strays) over(workflow string, pending func(run string, event int64) bool) (over []protocol.ActivityTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []protocol.ActivityTask
	for _, task := range s.all[workflow] {
		if pending(task.Run, task.ScheduledID) {
			left = append(left, task)
		} else {
			over = append(over, task)
		}
	}
	if len(left) > 0 {
		s.all[workflow] = left
	} else {
		delete(s.all, workflow)
	}
	return over
}

// dropStrays looks after the activities of the workflow that are over. Nobody waits for that.
func (a *actor) dropStrays() {
	for _, task := range a.shard.strays.over(a.id, a.w.Pending) {
		a.shard.aside(func() { a.shard.dropStray(task) })
	}
}

// dropStray takes what lies on the queue of an activity that is over, and stops whoever runs it.
func (s *shard) dropStray(task protocol.ActivityTask) {
	_ = s.persist("drop an attempt that nobody waits for", func(ctx context.Context) error {
		for {
			lies, err := s.store.QueuedActivity(ctx, task.Queue, task.Run, task.ScheduledID)
			if err != nil || lies == nil {
				return err
			}
			attempts := []protocol.ActivityAttempt{{ScheduledID: lies.ScheduledID, Number: lies.Number()}}
			if _, err := s.store.RecallActivities(ctx, task.Queue, task.Run, attempts, protocol.StopCanceled); err != nil {
				return err
			}
			if err := s.store.RemoveActivity(ctx, *lies); err != nil {
				return err
			}
		}
	})
}
