package jetstream

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// DispatchActivity puts an activity attempt on its queue, once: while it waits or runs its subject refuses another, and for
// a while after it is done its message ID does.
func (s *Store) DispatchActivity(task protocol.ActivityTask) func(context.Context) error {
	id := protocol.TaskID(task.Run, task.ScheduledID, task.Attempt)
	header := nats.Header{natsjs.MsgIDHeader: {id}}
	trace(header, task.Headers)
	return s.enqueue(s.ns.Task(protocol.TaskActivity, task.Queue, id), header, task)
}

// DispatchWorkflow calls for a worker. It has no message ID: a step may need a second call soon after the first was answered.
func (s *Store) DispatchWorkflow(queue string, task protocol.QueuedWorkflowTask) func(context.Context) error {
	id := protocol.Token(task.Run) + "-" + strconv.FormatInt(task.ScheduledID, 10)
	return s.enqueue(s.ns.Task(protocol.TaskWorkflow, queue, id), nil, task)
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

// RemoveActivity takes an attempt off its queue, whether it was there or not.
func (s *Store) RemoveActivity(ctx context.Context, queue, run string, scheduled int64, attempt int) error {
	subject := s.ns.Task(protocol.TaskActivity, queue, protocol.TaskID(run, scheduled, attempt))
	return s.purge(ctx, s.ns.TasksStream(), natsjs.WithPurgeSubject(subject))
}

// CancelActivity tells the workers of a queue to stop an activity.
func (s *Store) CancelActivity(queue string, cancel protocol.CancelActivity) error {
	return s.core(s.ns.Cancels(queue), cancel)
}

// OnCancel calls f for every activity that the workers of a queue should stop, until stop is called.
func (s *Store) OnCancel(queue string, f func(protocol.CancelActivity)) (stop func(), err error) {
	return s.subscribe(s.ns.Cancels(queue), "", func(m *nats.Msg) {
		var c protocol.CancelActivity
		if decode(m.Data, &c) {
			f(c)
		}
	})
}

// PublishResult stores how an attempt ended in the workflow's inbox. The first result of an attempt wins.
func (s *Store) PublishResult(ctx context.Context, workflow string, r protocol.ActivityResult) error {
	return s.Tell(ctx, workflow, r, protocol.TaskID(r.Run, r.ScheduledID, r.Attempt), "")
}
