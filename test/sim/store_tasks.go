package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
)

// Queue; see jetstream/tasks.go.

// DispatchActivity implements [orchestrator.Queue].
func (s *store) DispatchActivity(task protocol.ActivityTask) orchestrator.Ack {
	m := message{
		subject: ns.ActivityTask(task.Queue, task.Run, task.ScheduledID, task.Number()),
		id:      protocol.TaskID(task.Run, task.ScheduledID, task.Number()), data: marshal(task),
		does: attemptOf(task.Run, task.ScheduledID),
	}
	if s.node.w.scenario.Plant == NoTaskID {
		m.id = ""
		m.subject += "-" + s.node.nonce()
	}
	return s.enqueue(m, "dispatches "+attemptName(task))
}

// DispatchWorkflow implements [orchestrator.Queue].
func (s *store) DispatchWorkflow(queue string, task protocol.QueuedWorkflowTask) orchestrator.Ack {
	m := message{
		subject: ns.WorkflowTask(queue, task.Run, task.ScheduledID), data: marshal(task), does: callOf(task.Run, task.ScheduledID),
	}
	return s.enqueue(m, fmt.Sprintf("calls for a worker for %s %s event %d", task.Workflow, task.Run, task.ScheduledID))
}

func (s *store) enqueue(m message, what string) orchestrator.Ack {
	ack := s.start(s.node.w.tasks, m, what)
	return func(ctx context.Context) error {
		if err := ack(ctx); !hasCode(err, codeNotStored) {
			return err
		}
		there, err := s.leaderLast(ctx, s.node.w.tasks, m.subject)
		if err == nil && there.Seq == 0 {
			err = protocol.Errorf(protocol.CodeUnavailable, "the same task is on its way to the queue")
		}
		return err
	}
}

// QueuedActivity implements [orchestrator.Queue].
func (s *store) QueuedActivity(ctx context.Context, queue, run string, scheduled int64) (*protocol.ActivityTask, error) {
	m, err := request(ctx, s.node, fmt.Sprintf("looks on %s for %s event %d", queue, run, scheduled), func() (message, error) {
		return s.node.w.tasks.lastOf(ns.ActivityTasks(queue, run, scheduled)), nil
	})
	if err != nil || m.seq == 0 {
		return nil, err
	}
	var task protocol.ActivityTask
	return &task, protocol.Unmarshal(m.data, &task)
}

// RecallActivities implements [orchestrator.Queue].
func (s *store) RecallActivities(
	ctx context.Context, _, run string, attempts []protocol.ActivityAttempt, why protocol.StopReason,
) ([]protocol.ActivityAttempt, error) {
	p := newPromise[[]protocol.ActivityAttempt](s.node)
	s.node.ask("", fmt.Sprintf("recalls attempts of %s %v", run, attempts), func() {
		var held []protocol.ActivityAttempt
		for _, c := range s.node.w.workers {
			if !s.node.w.bad.strikes(lostMessage, "a recall to "+c.name) {
				held = append(held, c.recalled(run, attempts, why)...)
			}
		}
		s.node.w.in(500*time.Millisecond, "a recall is over", func() { p.keep(held, nil) })
	})
	return p.wait(ctx)
}

// RemoveActivity implements [orchestrator.Queue].
func (s *store) RemoveActivity(ctx context.Context, task protocol.ActivityTask) error {
	return s.purge(ctx, s.node.w.tasks, ns.ActivityTask(task.Queue, task.Run, task.ScheduledID, task.Number()), 0)
}

// RemoveActivities implements [orchestrator.Queue].
func (s *store) RemoveActivities(ctx context.Context, queue, run string) error {
	return s.purge(ctx, s.node.w.tasks, ns.ActivityTasks(queue, run, 0), 0)
}

// QueuedActivities implements [orchestrator.Queue].
func (s *store) QueuedActivities(ctx context.Context, run string) ([]protocol.QueuedActivity, error) {
	return request(ctx, s.node, "looks for the tasks of a run", func() (all []protocol.QueuedActivity, err error) {
		for _, m := range s.node.w.tasks.msgs {
			q := protocol.QueuedActivity{Subject: m.subject}
			if matches(ns.RunActivities(run), m.subject) && protocol.Unmarshal(m.data, &q.Task) == nil {
				all = append(all, q)
			}
		}
		return all, nil
	})
}

// RemoveQueued implements [orchestrator.Queue].
func (s *store) RemoveQueued(ctx context.Context, subject string) error {
	return s.purge(ctx, s.node.w.tasks, subject, 0)
}

// MendQueues implements [orchestrator.Queue]. What is done is gone.
func (s *store) MendQueues(context.Context) error { return nil }

// Heartbeat implements [orchestrator.Queue].
func (s *store) Heartbeat(context.Context, string, int64) (*protocol.Heartbeat, error) {
	return nil, nil
}

// DropHeartbeat implements [orchestrator.Queue].
func (s *store) DropHeartbeat(context.Context, string, int64, int64) error { return nil }

// CancelActivity implements [orchestrator.Queue].
func (s *store) CancelActivity(_ string, cancel protocol.CancelActivity) error {
	s.node.ask("", fmt.Sprintf("cancels activities of %s %d", cancel.Run, cancel.ScheduledID), func() {
		s.node.w.core("a cancellation", func() {
			for _, c := range s.node.w.workers {
				c.canceled(cancel)
			}
		})
	})
	return nil
}

// Hand; see jetstream/handover.go.

// HandOver implements [orchestrator.Hand].
func (s *store) HandOver(_, worker string, h protocol.HandOver) error {
	w := s.node.w
	w.shadow.handed(h.Tasks)
	s.node.ask("", fmt.Sprintf("hands %d attempts to %s from %s", len(h.Tasks), worker, attemptName(h.Tasks[0])), func() {
		w.core("attempts for "+worker, func() {
			if c := w.worker(worker); c != nil {
				c.takeOver(h)
			}
		})
	})
	return nil
}

// StillHas implements [orchestrator.Hand].
func (s *store) StillHas(ctx context.Context, task protocol.ActivityTask) (bool, error) {
	w := s.node.w
	return request(ctx, s.node, fmt.Sprintf("asks %s for %s", task.HandedTo, attemptName(task)), func() (bool, error) {
		c := w.worker(task.HandedTo)
		return c != nil && c.stillHas(task), nil
	})
}

// Exchange; see jetstream/exchange.go.

// Offer implements [orchestrator.Exchange].
func (s *store) Offer(
	ctx context.Context, worker string, task *protocol.WorkflowTask, patience time.Duration,
) (*protocol.WorkflowTaskAnswer, error) {
	w, p := s.node.w, newPromise[*protocol.WorkflowTaskAnswer](s.node)
	to := worker
	if to == "" {
		to = "anybody"
	}
	s.node.ask("", fmt.Sprintf("offers %s step at %d to %s", task.Workflow, task.After, to), func() {
		c := w.worker(worker)
		if c == nil {
			p.keep(nil, protocol.ErrNoWorker)
			return
		}
		silence := func() {
			w.in(patience, c.name+" is silent", func() { p.keep(nil, protocol.ErrTimeout) })
		}
		if w.bad.strikes(workerSilent, c.name) {
			if w.rng.IntN(2) == 0 {
				c.step(task)
			}
			silence()
			return
		}
		a := c.step(task)
		w.in(w.some(time.Second), c.name+" has taken a step of "+task.Workflow, func() {
			switch {
			case c.dead:
				p.keep(nil, protocol.ErrNoWorker)
			case w.bad.strikes(lostMessage, "the answer of "+c.name):
				silence()
			default:
				p.keep(a, nil)
			}
		})
	})
	return p.wait(ctx)
}

// Overtake implements [orchestrator.Exchange].
func (s *store) Overtake(ctx context.Context, _ int, worker string, q protocol.QueryTask) error {
	if s.node.w.scenario.Plant == NotOvertaken {
		return nil
	}
	_, err := request(ctx, s.node, fmt.Sprintf("tells %s that %s goes on", worker, q.Workflow), func() (struct{}, error) {
		for _, c := range s.node.w.workers {
			if protocol.WorkerKey(queue, c.name) == worker {
				c.overtake(q.Run, q.Unless)
			}
		}
		return struct{}{}, nil
	})
	return err
}

// worker is one by name, or any when the name is empty; nil when there is none.
func (w *world) worker(name string) *crew {
	if name == "" {
		if len(w.workers) == 0 {
			return nil
		}
		return w.workers[w.rng.IntN(len(w.workers))]
	}
	i := slices.IndexFunc(w.workers, func(c *crew) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return w.workers[i]
}

// attemptName tells an attempt from all others.
func attemptName(t protocol.ActivityTask) string {
	return fmt.Sprintf("%s %s event %d attempt %d", t.Workflow, t.Run, t.ScheduledID, t.Number())
}
