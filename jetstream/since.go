package jetstream

import (
	"context"
	"iter"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// seqSince is the sequence of a stream's first message that was stored at a moment or later, between two of which the second one was. It
// halves the distance again and again: a consumer would find it at once, and takes a hundred times as long to make.
func (s *Store) seqSince(ctx context.Context, stream, filter string, since time.Time, first, last uint64) (uint64, error) {
	for first < last {
		middle := first + (last-first)/2
		m, err := s.leaderGet(ctx, stream, map[string]any{"next_by_subj": filter, "seq": middle})
		switch {
		case err != nil:
			return 0, wrap(err)
		case m.Seq == 0 || m.Seq >= last || !m.Time.Before(since):
			last = middle
		default:
			first = m.Seq + 1
		}
	}
	return last, nil
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
	first, err = s.seqSince(ctx, stream, s.ns.Histories(shard), since, state.FirstSeq, state.LastSeq)
	return first, since, err
}

// RowsSince reads the rows of runs that were stored since a moment.
func (s *Store) RowsSince(ctx context.Context, since time.Time) iter.Seq2[protocol.Row, error] {
	return func(yield func(protocol.Row, error) bool) {
		stream, filter := bucketStream(s.ns.Bucket(runsBucket)), bucketKey(s.ns.Bucket(runsBucket), ">")
		state, err := s.state(ctx, stream)
		if err == nil && (state.Msgs == 0 || state.LastTime.Before(since)) {
			return
		}
		from := uint64(1)
		if err == nil && since.After(state.FirstTime) {
			from, err = s.seqSince(ctx, stream, filter, since, state.FirstSeq, state.LastSeq)
		}
		if err != nil {
			yield(protocol.Row{}, err)
			return
		}
		for d, err := range s.scan(ctx, stream, filter, from, true) {
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
