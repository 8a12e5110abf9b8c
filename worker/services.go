package worker

import (
	"context"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// services are what a worker has taken up, and how it ends.
type services struct {
	*Worker

	ctx   context.Context // while the worker starts
	work  context.Context // while it works
	stops []func(context.Context)
}

// stop ends everything, the last first.
func (s *services) stop(ctx context.Context) {
	for _, f := range slices.Backward(s.stops) {
		f(ctx)
	}
}

// plain notes how something ends that was taken up.
func (s *services) plain(stop func(), err error) error {
	if err == nil {
		s.stops = append(s.stops, func(context.Context) { stop() })
	}
	return err
}

// pull takes tasks of a queue.
func (s *services) pull(kind protocol.TaskKind, q TaskQueue, handle func(context.Context, Task)) error {
	p, err := s.store.Pull(s.ctx, kind, q, func(t Task) {
		s.attempts.Add(1)
		s.store.Go(func() {
			defer s.attempts.Done()
			handle(s.work, t)
		})
	})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, p.Stop)
	if q.Aside > 0 {
		s.hands.slots = p
	}
	return nil
}

// activities serves a queue of activities.
func (s *services) activities(q TaskQueue) error {
	if err := s.plain(s.store.OnCancel(q.Name, s.cancelActivity)); err != nil {
		return err
	}
	if q.Aside > 0 {
		take := func(given protocol.HandOver) { s.takeOver(s.work, given) }
		if err := s.plain(s.store.OnHandOver(q.Name, s.identity, take, s.stillHas)); err != nil {
			return err
		}
	}
	return s.pull(protocol.TaskActivity, q, s.runActivity)
}

// workflows serves a queue of workflows.
func (s *services) workflows(queue string) error {
	err := s.plain(s.store.ServeWorkflowTasks(queue, s.identity, func(t *protocol.WorkflowTask, respond Responder) {
		s.takeWorkflowTask(s.work, t, respond)
	}))
	if err != nil {
		return err
	}
	return s.pull(protocol.TaskWorkflow, TaskQueue{Name: queue, Slots: s.workflowSlots}, s.answerCall)
}
