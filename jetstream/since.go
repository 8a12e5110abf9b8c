package jetstream

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// seqSince is the sequence of a stream's first message that was stored at a moment or later; 0 when there is none.
func (s *Store) seqSince(ctx context.Context, stream string, since time.Time) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	consumer, err := s.js.OrderedConsumer(ctx, stream, natsjs.OrderedConsumerConfig{
		DeliverPolicy: natsjs.DeliverByStartTimePolicy, OptStartTime: &since, HeadersOnly: true,
	})
	if err != nil {
		return 0, wrap(err)
	}
	m, err := consumer.Next(natsjs.FetchMaxWait(scanIdle))
	if errors.Is(err, nats.ErrTimeout) {
		return 0, nil
	}
	if err != nil {
		return 0, wrap(err)
	}
	meta, err := m.Metadata()
	if err != nil {
		return 0, wrap(err)
	}
	return meta.Sequence.Stream, nil
}

// HistorySince is the sequence of the shard's first record that was stored less than a time before the last one, and when that was.
func (s *Store) HistorySince(ctx context.Context, shard int, before time.Duration) (first uint64, since time.Time, err error) {
	stream := s.ns.HistoryStream(shard)
	state, err := s.state(ctx, stream)
	if err != nil || state.Msgs == 0 {
		return state.LastSeq + 1, state.LastTime, err
	}
	since = state.LastTime.Add(-before)
	if since.Before(state.FirstTime) {
		return state.FirstSeq, since, nil
	}
	first, err = s.seqSince(ctx, stream, since)
	if first == 0 {
		first = state.LastSeq
	}
	return first, since, err
}

// RowsSince reads the rows of runs that were stored since a moment.
func (s *Store) RowsSince(ctx context.Context, since time.Time) iter.Seq2[protocol.Row, error] {
	return func(yield func(protocol.Row, error) bool) {
		stream := bucketStream(s.ns.Bucket(runsBucket))
		state, err := s.state(ctx, stream)
		if err == nil && (state.Msgs == 0 || state.LastTime.Before(since)) {
			return
		}
		from := uint64(1)
		if err == nil && since.After(state.FirstTime) {
			from, err = s.seqSince(ctx, stream, since)
		}
		if err != nil {
			yield(protocol.Row{}, err)
			return
		}
		for d, err := range s.scan(ctx, stream, bucketKey(s.ns.Bucket(runsBucket), ">"), max(from, 1), true) {
			if err != nil {
				yield(protocol.Row{}, err)
				return
			}
			var row protocol.Row
			if protocol.Unmarshal(d.Data, &row) == nil && row.ID != "" && !yield(row, nil) {
				return
			}
		}
	}
}
