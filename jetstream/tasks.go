package jetstream

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// DispatchActivity puts an activity attempt on its queue, once: while it waits or runs its subject refuses another, and for
// a while after it is done its message ID does.
func (s *Store) DispatchActivity(task protocol.ActivityTask) func(context.Context) error {
	header := nats.Header{natsjs.MsgIDHeader: {protocol.TaskID(task.Run, task.ScheduledID, task.Number())}}
	trace(header, task.Headers)
	return s.enqueue(s.ns.ActivityTask(task.Queue, task.Run, task.ScheduledID, task.Number()), header, task)
}

// DispatchWorkflow calls for a worker. It has no message ID: a step may need a second call soon after the first was answered.
func (s *Store) DispatchWorkflow(queue string, task protocol.QueuedWorkflowTask) func(context.Context) error {
	return s.enqueue(s.ns.WorkflowTask(queue, task.Run, task.ScheduledID), nil, task)
}

func (s *Store) enqueue(subject string, header nats.Header, task any) func(context.Context) error {
	ack := s.publishJSON(subject, header, task)
	return func(ctx context.Context) error {
		if err := ack(ctx); !waiting(err) {
			return err
		}
		return nil
	}
}

// QueuedActivity reads the attempt of an activity that lies on its queue or is with a worker; nil when there is none.
func (s *Store) QueuedActivity(ctx context.Context, queue, run string, scheduled int64) (*protocol.ActivityTask, error) {
	e, err := s.lastOf(ctx, s.ns.TasksStream(), s.ns.ActivityTasks(queue, run, scheduled))
	if err != nil || e.Seq == 0 {
		return nil, wrap(err)
	}
	var task protocol.ActivityTask
	if err := json.Unmarshal(e.Data, &task); err != nil {
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

// recallWait is how long the workers of a queue have to say that one of them runs an attempt.
const recallWait = 500 * time.Millisecond

// RecallActivity asks the workers of a queue whether one of them runs the attempt. Those who do not will not begin it either, should
// it be on its way to them: after that the attempt can be taken off the queue.
func (s *Store) RecallActivity(ctx context.Context, task protocol.ActivityTask) (held bool, err error) {
	reply, answers, stop, err := s.mux.open(256)
	if err != nil {
		return false, err
	}
	defer stop()
	data, err := protocol.Marshal(protocol.CancelActivity{
		Run: task.Run, ScheduledID: task.ScheduledID, Number: task.Number(), Why: protocol.StopRecall,
	})
	if err != nil {
		return false, err
	}
	if err := s.nc.PublishRequest(s.ns.Cancels(task.Queue), reply, data); err != nil {
		return false, wrap(err)
	}
	wait := time.NewTimer(recallWait)
	defer wait.Stop()
	for {
		select {
		case m := <-answers:
			var answer protocol.ActivityHeld
			if noResponders(m) || decode(m.Data, &answer) && answer.Held {
				return answer.Held, nil
			}
		case <-wait.C:
			return false, nil
		case <-ctx.Done():
			return false, wrap(ctx.Err())
		}
	}
}

// CancelActivity tells the workers of a queue to stop an activity. It is not stored.
func (s *Store) CancelActivity(queue string, cancel protocol.CancelActivity) error {
	return s.core(s.ns.Cancels(queue), cancel)
}

// OnCancel calls f for every activity that the workers of a queue should stop, until stop is called. held is whether the activity
// runs here; whoever recalls it wants to know.
func (s *Store) OnCancel(queue string, f func(protocol.CancelActivity) (held bool)) (stop func(), err error) {
	return s.subscribe(s.ns.Cancels(queue), "", func(m *nats.Msg) {
		var c protocol.CancelActivity
		if !decode(m.Data, &c) {
			return
		}
		if held := f(c); m.Reply != "" {
			_ = s.core(m.Reply, protocol.ActivityHeld{Held: held}) // nobody hears it: the attempt is taken for lost, and comes again
		}
	})
}

// PublishResult stores how an attempt ended in the workflow's inbox. The first result of an attempt wins.
func (s *Store) PublishResult(ctx context.Context, workflow string, r protocol.ActivityResult) error {
	return s.Tell(ctx, workflow, r, protocol.TaskID(r.Run, r.ScheduledID, r.Number()), "")
}
