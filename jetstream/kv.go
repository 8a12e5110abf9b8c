package jetstream

import (
	"context"
	"iter"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// bucketStream and bucketKey name what a KV bucket is made of: a stream, and a subject per key.
func bucketStream(bucket string) string   { return "KV_" + bucket }
func bucketKey(bucket, key string) string { return "$KV." + bucket + "." + key }

// put starts a write to a bucket. A KV put is a publish; sent as one, many of them can be under way at once.
func (s *Store) put(bucket, key string, value any) func(context.Context) error {
	return s.publishJSON(bucketKey(s.ns.Bucket(bucket), key), nil, value)
}

// putOwn writes to a bucket of which the user may be allowed some keys only, and waits for it.
func (s *Store) putOwn(ctx context.Context, bucket, key string, value any) error {
	ctx, done := s.allowed(ctx, bucketKey(s.ns.Bucket(bucket), key))
	return done(s.put(bucket, key, value)(ctx))
}

// remove marks a key as deleted.
func (s *Store) remove(ctx context.Context, bucket, key string, opts ...natsjs.PublishOpt) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	m := &nats.Msg{Subject: bucketKey(s.ns.Bucket(bucket), key), Header: nats.Header{"KV-Operation": {"DEL"}}}
	ctx, done := s.allowed(ctx, m.Subject)
	_, err := s.js.PublishMsg(ctx, m, opts...)
	if err = done(err); hasCode(err, codeWrongLastSequence) || hasCode(err, codeInFlight) {
		return protocol.Errorf(protocol.CodeConflict, "%s was changed by somebody else", key)
	}
	return wrap(err)
}

// entry is a live key of a bucket.
type entry struct {
	key      string
	value    []byte
	revision uint64
}

// entries reads every live key of a bucket, in no particular order. It reads through an ordered consumer, so it sees what
// the stream's consumer leader has.
func (s *Store) entries(ctx context.Context, bucket string) iter.Seq2[entry, error] {
	return s.watched(ctx, bucket, natsjs.IgnoreDeletes())
}

// watched is entries for those that the options do not leave out. One that was deleted has no value.
func (s *Store) watched(ctx context.Context, bucket string, opts ...natsjs.WatchOpt) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		ctx, cancel := bounded(ctx)
		defer cancel()
		kv, err := s.js.KeyValue(ctx, s.ns.Bucket(bucket))
		if err != nil {
			yield(entry{}, wrap(err))
			return
		}
		watch, err := kv.WatchAll(ctx, opts...)
		if err != nil {
			yield(entry{}, wrap(err))
			return
		}
		defer watch.Stop() //nolint:errcheck // fails only on a closed connection
		for {
			select {
			case e := <-watch.Updates():
				if e == nil {
					return
				}
				if !yield(entry{e.Key(), e.Value(), e.Revision()}, nil) {
					return
				}
			case <-ctx.Done():
				yield(entry{}, wrap(ctx.Err()))
				return
			}
		}
	}
}

// values reads every live value of a bucket. One that cannot be read is passed over: rows are there to be looked at.
func values[T any](ctx context.Context, s *Store, bucket string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for e, err := range s.entries(ctx, bucket) {
			if err != nil {
				yield(zero, err)
				return
			}
			var v T
			if protocol.Unmarshal(e.value, &v) == nil && !yield(v, nil) {
				return
			}
		}
	}
}

// Rows reads every run's row.
func (s *Store) Rows(ctx context.Context) iter.Seq2[protocol.Row, error] {
	return values[protocol.Row](ctx, s, runsBucket)
}

// PutHeartbeat stores what an activity reports.
func (s *Store) PutHeartbeat(ctx context.Context, run string, scheduled int64, h protocol.Heartbeat) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return s.putOwn(ctx, heartbeatsBucket, protocol.HeartbeatKey(run, scheduled), h)
}

// Heartbeat reads what an activity last reported, or nil when it has not. Its time is that at which the server stored it: deadlines hang
// on it, and the clocks of those who report differ.
func (s *Store) Heartbeat(ctx context.Context, run string, scheduled int64) (*protocol.Heartbeat, error) {
	bucket := s.ns.Bucket(heartbeatsBucket)
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.HeartbeatKey(run, scheduled)))
	if err != nil || len(e.Data) == 0 {
		return nil, wrap(err)
	}
	var h protocol.Heartbeat
	if err := protocol.Unmarshal(e.Data, &h); err != nil {
		return nil, protocol.Errorf(protocol.CodeCorrupt, "the heartbeat of %s cannot be read: %v",
			protocol.HeartbeatKey(run, scheduled), err)
	}
	h.Time = e.Time
	return &h, nil
}

// DropHeartbeat forgets what an activity reported before a reset, and keeps what it has reported since: a successor of the node that
// performed the reset performs it again.
func (s *Store) DropHeartbeat(ctx context.Context, run string, scheduled, reset int64) error {
	bucket := s.ns.Bucket(heartbeatsBucket)
	key := bucketKey(bucket, protocol.HeartbeatKey(run, scheduled))
	e, err := s.lastOf(ctx, bucketStream(bucket), key)
	if err != nil || e.Seq == 0 {
		return wrap(err)
	}
	var h protocol.Heartbeat
	if err := protocol.Unmarshal(e.Data, &h); err == nil && !h.Before(reset) {
		return nil
	}
	return s.purge(ctx, bucketStream(bucket), natsjs.WithPurgeSubject(key), natsjs.WithPurgeSequence(e.Seq+1))
}

// DeleteHeartbeat forgets what an activity reported. It leaves a marker, which goes as a heartbeat would: whoever may purge a key may purge
// the whole bucket, and a worker must not.
func (s *Store) DeleteHeartbeat(ctx context.Context, run string, scheduled int64) error {
	return s.remove(ctx, heartbeatsBucket, protocol.HeartbeatKey(run, scheduled))
}
