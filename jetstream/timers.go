package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// Headers of the server's message schedules.
const (
	headerSchedule = "Nats-Schedule"
	headerTarget   = "Nats-Schedule-Target"
)

// schedule arms a wake-up: the server publishes the body on fired when the time has come. Another one on the same subject
// replaces it.
func (s *Store) schedule(set, fired string, at time.Time, body protocol.TimerInput) func(context.Context) error {
	return s.publishJSON(set, nats.Header{
		headerSchedule: {"@at " + at.UTC().Format(time.RFC3339Nano)},
		headerTarget:   {fired},
	}, body)
}

// ArmWakeup sets, or replaces, the workflow's wake-up. It fires at a moment, and says when it is due.
func (s *Store) ArmWakeup(shard int, workflow string, at, due time.Time) func(context.Context) error {
	set, fired := s.ns.Wakeup(shard, workflow)
	return s.schedule(set, fired, at, protocol.TimerInput{Due: due})
}

// DisarmWakeup removes the workflow's wake-up, if there is one.
func (s *Store) DisarmWakeup(ctx context.Context, shard int, workflow string) error {
	set, _ := s.ns.Wakeup(shard, workflow)
	return s.purge(ctx, s.ns.TimersStream(shard), natsjs.WithPurgeSubject(set))
}

// ArmRetry sets the wake-up that carries the next attempt of an activity.
func (s *Store) ArmRetry(shard int, task protocol.ActivityTask, at time.Time) func(context.Context) error {
	set, fired := s.ns.RetryWakeup(shard, task.Workflow, task.Run, task.ScheduledID)
	return s.schedule(set, fired, at, protocol.TimerInput{Task: &task})
}

// Retry reads the waiting retry of an activity, or nil when none waits.
func (s *Store) Retry(ctx context.Context, shard int, workflow, run string, scheduled int64) (*protocol.ActivityTask, time.Time, error) {
	set, _ := s.ns.RetryWakeup(shard, workflow, run, scheduled)
	e, err := s.leaderLast(ctx, s.ns.TimersStream(shard), set)
	if err != nil || e.Seq == 0 {
		return nil, time.Time{}, wrap(err)
	}
	header, err := e.header()
	if err != nil {
		return nil, time.Time{}, wrap(err)
	}
	var body protocol.TimerInput
	if err := protocol.Unmarshal(e.Data, &body); err != nil {
		return nil, time.Time{}, protocol.Errorf(protocol.CodeCorrupt, "the waiting retry at %d cannot be read: %v", e.Seq, err)
	}
	at, err := time.Parse("@at "+time.RFC3339Nano, header.Get(headerSchedule))
	if err != nil {
		return nil, time.Time{}, protocol.Errorf(protocol.CodeCorrupt, "the waiting retry at %d has no time", e.Seq)
	}
	return body.Task, at, nil
}

// Fired delivers a shard's wake-ups that have fired, after a sequence.
func (s *Store) Fired(ctx context.Context, shard int, after uint64, handle func(protocol.Delivery)) (stop func(), err error) {
	return s.read(ctx, s.ns.TimersStream(shard), s.ns.FiredTimers(shard), after, handle)
}

// ReleaseFired removes fired wake-ups up to and including seq. The purge names the subjects of fired ones: without, it would
// take the pending wake-ups below seq along, and those workflows would sleep for ever.
func (s *Store) ReleaseFired(ctx context.Context, shard int, seq uint64) error {
	return s.purge(ctx, s.ns.TimersStream(shard),
		natsjs.WithPurgeSubject(s.ns.FiredTimers(shard)), natsjs.WithPurgeSequence(seq+1))
}
