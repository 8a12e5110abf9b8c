package jetstream

import (
	"context"
	"errors"
	"iter"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// Old lists a shard's records from a sequence on by their headers, as long as they were stored before a moment, in the order in which they
// were written.
func (s *Store) Old(ctx context.Context, shard int, from uint64, before time.Time) iter.Seq2[protocol.OldRecord, error] {
	return func(yield func(protocol.OldRecord, error) bool) {
		for d, err := range s.scan(ctx, s.ns.HistoryStream(shard), s.ns.Histories(shard), from, false) {
			if err != nil {
				yield(protocol.OldRecord{}, err)
				return
			}
			if !d.Time.Before(before) {
				return
			}
			workflow, err := s.ns.ParseHistory(d.Subject)
			if err != nil {
				continue // nothing that a node wrote
			}
			if !yield(protocol.OldRecord{Seq: d.Seq, Workflow: workflow, Run: d.Get(protocol.HeaderRun)}, nil) {
				return
			}
		}
	}
}

// Purge removes the records of a workflow up to and including seq. A record that is written meanwhile stays: it lies beyond. If it was
// to follow the last one that is removed, it is refused as a conflict, and its writer finds that there is no history any more.
func (s *Store) Purge(ctx context.Context, shard int, workflow string, seq uint64) error {
	return s.purge(ctx, s.ns.HistoryStream(shard),
		natsjs.WithPurgeSubject(s.ns.History(shard, workflow)), natsjs.WithPurgeSequence(seq+1))
}

// ForgetRun removes what is kept of a run beside its history: its row, and what its activities reported.
func (s *Store) ForgetRun(ctx context.Context, workflow, run string) error {
	row, beat := s.ns.Bucket(runsBucket), s.ns.Bucket(heartbeatsBucket)
	return errors.Join(
		s.purge(ctx, bucketStream(row), natsjs.WithPurgeSubject(bucketKey(row, protocol.RowKey(workflow, run)))),
		s.purge(ctx, bucketStream(beat), natsjs.WithPurgeSubject(bucketKey(beat, protocol.Token(run)+".*"))),
	)
}

// FirstInput is the sequence of the first message of a workflow that lies in its shard's inbox; 0 when there is none.
func (s *Store) FirstInput(ctx context.Context, shard int, workflow string) (uint64, error) {
	m, err := s.leaderGet(ctx, s.ns.InboxStream(shard), map[string]any{"next_by_subj": s.ns.Input(shard, "*", workflow), "seq": 1})
	return m.Seq, wrap(err)
}

// Retention is how long the runs of the namespace are kept after they have ended; 0 is for ever.
func (s *Store) Retention(ctx context.Context) (time.Duration, error) {
	var r protocol.RetentionConfig
	bucket := s.ns.Bucket(configBucket)
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.RetentionKey))
	if err != nil || len(e.Data) == 0 {
		return 0, wrap(err)
	}
	if err := protocol.Unmarshal(e.Data, &r); err != nil {
		return 0, protocol.Errorf(protocol.CodeCorrupt, "the retention of namespace %q cannot be read: %v", string(s.ns), err)
	}
	return time.Duration(r.Retention), nil
}

// SetRetention says how long the runs of the namespace are kept after they have ended; 0 is for ever.
func (s *Store) SetRetention(ctx context.Context, keep time.Duration) error {
	if old, err := s.Retention(ctx); err != nil || old == keep {
		return err
	}
	r := protocol.RetentionConfig{Retention: protocol.Duration(keep), Since: time.Now().UTC()}
	return s.put(configBucket, protocol.RetentionKey, r)(ctx)
}
