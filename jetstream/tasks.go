package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// DispatchActivity puts an activity attempt on its queue, once: while it waits or runs its subject refuses another, and for
// a while after it is done its message ID does.
func (s *Store) DispatchActivity(task protocol.ActivityTask) func(context.Context) error {
	subject := s.ns.ActivityTask(task.Queue, task.Run, task.ScheduledID, task.Number())
	header := nats.Header{natsjs.MsgIDHeader: {protocol.TaskID(task.Run, task.ScheduledID, task.Number())}}
	trace(header, task.Headers)
	ack := s.publishJSON(subject, header, task)
	return func(ctx context.Context) error {
		err := ack(ctx)
		if !waiting(err) && !errors.Is(err, protocol.ErrRepeated) {
			return err
		}
		there := s.occupied(ctx, protocol.TaskActivity, task.Queue, subject)
		if errors.Is(there, errNotStored) && !waiting(err) {
			return err // it was there
		}
		return there
	}
}

// DispatchWorkflow calls for a worker. It has no message ID: a step may need a second call soon after the first was answered. One that a
// worker was given is replaced: nobody can tell whether it is still with that worker, and two calls do no harm.
func (s *Store) DispatchWorkflow(queue string, task protocol.QueuedWorkflowTask) func(context.Context) error {
	subject := s.ns.WorkflowTask(queue, task.Run, task.ScheduledID)
	ack := s.publishJSON(subject, nil, task)
	return func(ctx context.Context) error {
		err := ack(ctx)
		if waiting(err) {
			err = s.occupied(ctx, protocol.TaskWorkflow, queue, subject)
		}
		if !errors.Is(err, protocol.ErrTaken) {
			return err
		}
		if err := s.removeTasks(ctx, subject); err != nil {
			return err
		}
		return s.publishJSON(subject, nil, task)(ctx)
	}
}

// occupied says what to think of a task whose subject holds one already. That counts as done only if that one is stored: it may be in
// flight, from an earlier try that was not answered, and get lost with the stream's leader.
func (s *Store) occupied(ctx context.Context, kind protocol.TaskKind, queue, subject string) error {
	there, err := s.lastOf(ctx, s.ns.TasksStream(), subject)
	if err != nil {
		return wrap(err)
	}
	if there.Seq == 0 {
		return errNotStored
	}
	if taken, err := s.delivered(ctx, kind, queue); err != nil || there.Seq > taken {
		return err
	}
	return protocol.ErrTaken
}

var errNotStored = protocol.Errorf(protocol.CodeUnavailable, "the same task is on its way to the queue, or has just left it")

// QueuedActivity reads the attempt of an activity that lies on its queue or is with a worker; nil when there is none.
func (s *Store) QueuedActivity(ctx context.Context, queue, run string, scheduled int64) (*protocol.ActivityTask, error) {
	e, err := s.lastOf(ctx, s.ns.TasksStream(), s.ns.ActivityTasks(queue, run, scheduled))
	if err != nil || e.Seq == 0 {
		return nil, wrap(err)
	}
	var task protocol.ActivityTask
	if err := protocol.Unmarshal(e.Data, &task); err != nil {
		return nil, protocol.Errorf(protocol.CodeCorrupt, "the task at %d cannot be read: %v", e.Seq, err)
	}
	return &task, nil
}

// RemoveActivity takes an attempt off its queue, whether it was there or not.
func (s *Store) RemoveActivity(ctx context.Context, task protocol.ActivityTask) error {
	return s.removeTasks(ctx, s.ns.ActivityTask(task.Queue, task.Run, task.ScheduledID, task.Number()))
}

// RemoveActivities takes every attempt of a run's activities off a queue.
func (s *Store) RemoveActivities(ctx context.Context, queue, run string) error {
	return s.removeTasks(ctx, s.ns.ActivityTasks(queue, run, 0))
}

func (s *Store) removeTasks(ctx context.Context, subject string) error {
	return s.purge(ctx, s.ns.TasksStream(), natsjs.WithPurgeSubject(subject))
}

// recallWait is how long the workers of a queue have to say which attempts they run.
const recallWait = 500 * time.Millisecond

// RecallActivities asks the workers of a queue which of some attempts of a run they run, and returns those. None of the others will be
// begun, should it be on its way to a worker: after that they can be taken off the queue. why, if it is not empty, asks those that run to
// stop.
func (s *Store) RecallActivities(
	ctx context.Context, queue, run string, attempts []protocol.ActivityAttempt, why protocol.StopReason,
) (held []protocol.ActivityAttempt, err error) {
	answers, err := s.mux.open(256)
	if err != nil {
		return nil, err
	}
	defer answers.close()
	data, err := protocol.Marshal(protocol.CancelActivity{Run: run, Why: protocol.StopRecall, Attempts: attempts, Stop: why})
	if err != nil {
		return nil, err
	}
	if err := s.nc.PublishRequest(s.ns.Cancels(queue), answers.to, data); err != nil {
		return nil, wrap(err)
	}
	wait := time.NewTimer(recallWait)
	defer wait.Stop()
	for len(held) < len(attempts) {
		select {
		case m := <-answers.heard:
			if noResponders(m) {
				return nil, nil
			}
			var answer protocol.ActivityHeld
			if decode(m.Data, &answer) {
				held = append(held, answer.Held...)
			}
		case <-wait.C:
			return held, nil
		case <-ctx.Done():
			return nil, wrap(ctx.Err())
		}
	}
	return held, nil
}

// CancelActivity tells the workers of a queue to stop an activity. It is not stored.
func (s *Store) CancelActivity(queue string, cancel protocol.CancelActivity) error {
	return s.core(s.ns.Cancels(queue), cancel)
}

// OnCancel calls f for every activity that the workers of a queue should stop, until stop is called. held are the attempts of a recall that
// run here.
func (s *Store) OnCancel(queue string, f func(protocol.CancelActivity) (held []protocol.ActivityAttempt)) (stop func(), err error) {
	return s.subscribe(s.ns.Cancels(queue), "", func(m *nats.Msg) {
		var c protocol.CancelActivity
		if !decode(m.Data, &c) {
			return
		}
		if held := f(c); m.Reply != "" {
			_ = s.answerJSON(m.Reply, protocol.ActivityHeld{Held: held}) // nobody hears it: the attempt is taken for lost, and comes again
		}
	})
}
