package jetstream

import (
	"context"
	"errors"
	"maps"
	"slices"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// leftMost is how many tasks may wait on a queue that is looked at. In a longer queue, what was left out waits with the others.
const leftMost = 10_000

// LeftTasks reads the tasks that their consumers have gone past, and that lie on their queues all the same. In a cluster a consumer leaves
// a message out now and then (see reader), and what all workers of a queue read through one consumer, none of them can miss. Most of what
// it finds is with a worker, or is being removed this very moment: who calls it must look twice, and ask. One server leaves nothing out.
func (s *Store) LeftTasks(ctx context.Context) (left []protocol.LeftTask, err error) {
	if s.nc.ConnectedClusterName() == "" {
		return nil, nil
	}
	return s.leftTasks(ctx)
}

func (s *Store) leftTasks(ctx context.Context) (left []protocol.LeftTask, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	queues, err := s.queues(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range queues {
		if c.NumPending > leftMost {
			continue
		}
		of, err := s.leftBy(ctx, c)
		if err != nil {
			return nil, err
		}
		left = append(left, of...)
	}
	return left, nil
}

// leftBy reads the tasks that lie before where a consumer is, if there are more of them than it knows to be in work. What lies on the queue
// is counted first: a task that comes meanwhile must not count as left out.
func (s *Store) leftBy(ctx context.Context, c *natsjs.ConsumerInfo) (left []protocol.LeftTask, err error) {
	subjects, err := s.tasksOn(ctx, c.Config.FilterSubject)
	if err != nil || len(subjects) == 0 {
		return nil, err
	}
	consumer, err := s.js.Consumer(ctx, c.Stream, c.Name)
	if errors.Is(err, natsjs.ErrConsumerNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	now := consumer.CachedInfo()                                           // just asked for
	if uint64(len(subjects)) <= now.NumPending+uint64(now.NumAckPending) { //nolint:gosec // a count
		return nil, nil
	}
	for _, subject := range subjects {
		e, err := s.lastOf(ctx, c.Stream, subject)
		if err != nil {
			return nil, wrap(err)
		}
		if e.Seq == 0 || e.Seq > now.Delivered.Stream {
			continue
		}
		if t, ok := s.leftTask(subject, e); ok {
			left = append(left, t)
		}
	}
	return left, nil
}

// tasksOn are the subjects of the tasks that match a filter.
func (s *Store) tasksOn(ctx context.Context, filter string) ([]string, error) {
	var answer struct {
		Error *natsjs.APIError `json:"error"`
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	reply, err := s.askLeader(ctx, "STREAM.INFO."+s.ns.TasksStream(), map[string]any{"subjects_filter": filter})
	if err == nil {
		err = protocol.Unmarshal(reply.Data, &answer)
	}
	switch {
	case err != nil:
		return nil, wrap(err)
	case answer.Error != nil:
		return nil, wrap(answer.Error)
	}
	return slices.Sorted(maps.Keys(answer.State.Subjects)), nil
}

// leftTask reads a task, unless it cannot be read.
func (s *Store) leftTask(subject string, e protocol.Entry) (t protocol.LeftTask, ok bool) {
	t.Seq = e.Seq
	kind, queue, err := s.ns.ParseTask(subject)
	if err != nil {
		return t, false
	}
	t.Queue = queue
	switch kind {
	case protocol.TaskActivity:
		t.Activity = new(protocol.ActivityTask)
		ok = protocol.Unmarshal(e.Data, t.Activity) == nil
		t.Shard = s.shard(t.Activity.Workflow)
	case protocol.TaskWorkflow:
		t.Call = new(protocol.QueuedWorkflowTask)
		ok = protocol.Unmarshal(e.Data, t.Call) == nil
		t.Shard = s.shard(t.Call.Workflow)
	}
	return t, ok
}
