package jetstream

import (
	"context"
	"errors"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// A task that a worker has done is acknowledged, which the server notes in two places: the consumer counts it as done, and the stream loses
// it. Each is flushed to disk on its own. After a power cut, or with a damaged file, one of them may know more than the other:
//
//   - A task is back in the stream that its consumer will never deliver again: it lies there for ever, and its subject refuses the next
//     task of that name.
//   - The consumer was given more than there is any more. The stream gives those sequences out again, and whatever gets one of them would
//     be passed over. The server rewinds such a consumer when it starts, unless nothing that it had delivered was acknowledged: then it
//     reads the old state back from its own file (nats-server 2.15.3, consumerFileStore.ForceUpdate).

// MendQueues rewinds the consumers that remember more than their stream does, and removes the tasks that their consumers know to be done,
// as all before them are. Those that are done while an earlier one is still in work cannot be told from it: see [protocol.ErrTaken].
func (s *Store) MendQueues(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	queues, err := s.queues(ctx)
	if err != nil {
		return err
	}
	if err := s.rewind(ctx, queues); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, c := range queues {
		if c.AckFloor.Stream > 0 {
			group.Go(func() error {
				before := natsjs.WithPurgeSequence(c.AckFloor.Stream + 1)
				return s.purge(within, s.ns.TasksStream(), natsjs.WithPurgeSubject(c.Config.FilterSubject), before)
			})
		}
	}
	return group.Wait()
}

// rewind has consumers go on where their stream ends, if they are past it. They were asked before the end is: it only grows.
func (s *Store) rewind(ctx context.Context, queues []*natsjs.ConsumerInfo) (err error) {
	tasks := s.ns.TasksStream()
	state, err := s.state(ctx, tasks)
	if err != nil {
		return err
	}
	ctx, done := s.allowed(ctx, s.api("CONSUMER.RESET."+tasks))
	defer func() { err = wrap(done(err)) }()
	for _, c := range queues {
		if c.Delivered.Stream <= state.LastSeq {
			continue
		}
		// Not to the first sequence, as the server would read its old state again. It is that of the message that nobody takes.
		next := max(2, min(c.AckFloor.Stream, state.LastSeq)+1)
		if _, err := s.js.ResetConsumerToSequence(ctx, tasks, c.Name, next); err != nil {
			return err
		}
		c.AckFloor.Stream = next - 1
	}
	return nil
}

// queues are the consumers of all queues.
func (s *Store) queues(ctx context.Context) (all []*natsjs.ConsumerInfo, err error) {
	ctx, done := s.allowed(ctx, s.api("STREAM.INFO."+s.ns.TasksStream()), s.api("CONSUMER.LIST."+s.ns.TasksStream()))
	defer func() { err = wrap(done(err)) }()
	st, err := s.js.Stream(ctx, s.ns.TasksStream())
	if err != nil {
		return nil, err
	}
	consumers := st.ListConsumers(ctx)
	for c := range consumers.Info() {
		if c.Config.AckPolicy == natsjs.AckExplicitPolicy && c.Config.FilterSubject != "" {
			all = append(all, c)
		}
	}
	return all, consumers.Err()
}

// delivered is the sequence of the last task of a queue that a worker was given.
func (s *Store) delivered(ctx context.Context, kind protocol.TaskKind, queue string) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	c, err := s.js.Consumer(ctx, s.ns.TasksStream(), s.ns.TaskConsumer(kind, queue))
	if errors.Is(err, natsjs.ErrConsumerNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, wrap(err)
	}
	return c.CachedInfo().Delivered.Stream, nil // just asked for
}

// QueuedActivities reads the attempts of a run's activities that lie in the stream.
func (s *Store) QueuedActivities(ctx context.Context, run string) (all []protocol.QueuedActivity, err error) {
	taken := make(map[string]uint64)
	for from := uint64(1); ; {
		m, err := s.leaderGet(ctx, s.ns.TasksStream(), map[string]any{"next_by_subj": s.ns.RunActivities(run), "seq": from})
		if err != nil || m.Seq == 0 {
			return all, wrap(err)
		}
		a := protocol.QueuedActivity{Subject: m.Subject}
		if protocol.Unmarshal(m.Data, &a.Task) != nil {
			a.Task = protocol.ActivityTask{}
		}
		queue := a.Task.Queue
		if _, asked := taken[queue]; !asked {
			if taken[queue], err = s.delivered(ctx, protocol.TaskActivity, queue); err != nil {
				return nil, err
			}
		}
		a.Taken = m.Seq <= taken[queue]
		all, from = append(all, a), m.Seq+1
	}
}

// RemoveQueued takes a task off its queue, by its subject.
func (s *Store) RemoveQueued(ctx context.Context, subject string) error {
	return s.removeTasks(ctx, subject)
}
