package jetstream

import (
	"context"
	"strconv"
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

// schedule is a wake-up: the server publishes the body on fired when the time has come.
func schedule(set, fired string, at time.Time, body protocol.TimerInput) (*nats.Msg, error) {
	data, err := protocol.Marshal(body)
	return &nats.Msg{Subject: set, Data: data, Header: nats.Header{
		headerSchedule: {"@at " + at.UTC().Format(time.RFC3339Nano)},
		headerTarget:   {fired},
	}}, err
}

// arm puts a wake-up into its place, as [Arming] says.
func (s *Store) arm(
	ctx context.Context, shard int, m *nats.Msg, at time.Time, known uint64, stays func(protocol.TimerInput) bool,
) (uint64, *protocol.TimerInput, error) {
	return Arming{
		Try: func(ctx context.Context, expect uint64) (uint64, error) {
			m.Header.Set(natsjs.ExpectedLastSubjSeqHeader, strconv.FormatUint(expect, 10))
			return s.tryAppend(ctx, m)
		},
		Last:  func(ctx context.Context) (protocol.Entry, error) { return s.waits(ctx, shard, m.Subject) },
		Stays: stays,
	}.Arm(ctx, at, m.Data, known)
}

// waits reads what waits in a place, and when it fires; the zero time if that cannot be read.
func (s *Store) waits(ctx context.Context, shard int, set string) (protocol.Entry, error) {
	m, err := s.leaderLast(ctx, s.ns.TimersStream(shard), set)
	if err != nil || m.Seq == 0 {
		return protocol.Entry{}, err
	}
	header, _ := m.header()
	at, _ := time.Parse("@at "+time.RFC3339Nano, header.Get(headerSchedule))
	return protocol.Entry{Seq: m.Seq, Time: at, Data: m.Data}, nil
}

// ArmWakeup sets the workflow's wake-up, which fires at a moment and says when it is due, in the place of the one at known; zero: none is
// known. One that somebody else has set stays if it is due no later. It returns the sequence of the one that waits from now on, and when
// that is due.
func (s *Store) ArmWakeup(
	ctx context.Context, shard int, workflow string, at, due time.Time, known uint64,
) (seq uint64, waits time.Time, err error) {
	set, fired := s.ns.Wakeup(shard, workflow)
	m, err := schedule(set, fired, at, protocol.TimerInput{Due: due})
	if err != nil {
		return 0, time.Time{}, err
	}
	seq, stays, err := s.arm(ctx, shard, m, at, known, NoLater(due))
	if stays != nil {
		due = stays.Due
	}
	return seq, due, err
}

// Wakeup is the sequence of the workflow's wake-up; zero when there is none.
func (s *Store) Wakeup(ctx context.Context, shard int, workflow string) (uint64, error) {
	set, _ := s.ns.Wakeup(shard, workflow)
	e, err := s.lastOf(ctx, s.ns.TimersStream(shard), set)
	return e.Seq, wrap(err)
}

// DisarmWakeup removes the workflow's wake-up, if there is one, and it was not set after the one at upTo.
func (s *Store) DisarmWakeup(ctx context.Context, shard int, workflow string, upTo uint64) error {
	set, _ := s.ns.Wakeup(shard, workflow)
	return s.purge(ctx, s.ns.TimersStream(shard), natsjs.WithPurgeSubject(set), natsjs.WithPurgeSequence(upTo+1))
}

// ArmRetry sets the wake-up that carries the next attempt of an activity. An error of code conflict says that a later attempt waits.
func (s *Store) ArmRetry(shard int, task protocol.ActivityTask, at time.Time) func(context.Context) error {
	set, fired := s.ns.RetryWakeup(shard, task.Workflow, task.Run, task.ScheduledID)
	m, err := schedule(set, fired, at, protocol.TimerInput{Task: &task})
	if err != nil {
		return func(context.Context) error { return err }
	}
	// Mostly nothing is in its place. So that is tried at once, and waited for together with others.
	first := s.publish(m, natsjs.WithExpectLastSequencePerSubject(0))
	return func(ctx context.Context) error {
		err := first(ctx)
		if !hasCode(err, codeWrongLastSequence) && !hasCode(err, codeInFlight) {
			return err
		}
		_, stays, err := s.arm(ctx, shard, m, at, 0, LaterAttempt(task))
		if stays != nil {
			return protocol.Errorf(protocol.CodeConflict, "attempt %d of the activity waits already", stays.Task.Number())
		}
		return err
	}
}

// Retry reads the waiting retry of an activity, or nil when none waits.
func (s *Store) Retry(ctx context.Context, shard int, workflow, run string, scheduled int64) (*protocol.ActivityTask, time.Time, error) {
	set, _ := s.ns.RetryWakeup(shard, workflow, run, scheduled)
	e, err := s.waits(ctx, shard, set)
	if err != nil || e.Seq == 0 {
		return nil, time.Time{}, wrap(err)
	}
	var body protocol.TimerInput
	if err := protocol.Unmarshal(e.Data, &body); err != nil {
		return nil, time.Time{}, protocol.Errorf(protocol.CodeCorrupt, "the waiting retry at %d cannot be read: %v", e.Seq, err)
	}
	if e.Time.IsZero() {
		return nil, time.Time{}, protocol.Errorf(protocol.CodeCorrupt, "the waiting retry at %d has no time", e.Seq)
	}
	return body.Task, e.Time, nil
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
