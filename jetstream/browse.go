package jetstream

import (
	"context"
	"iter"

	"github.com/millrace-dev/millrace/protocol"
)

// browse is scan for a work queue, which nobody can read through a consumer without taking from it. It gets some messages at a time, from
// whichever copy answers, and what that one does not have yet from the leader.
func (s *Store) browse(ctx context.Context, stream, filter string) iter.Seq2[protocol.Delivery, error] {
	return func(yield func(protocol.Delivery, error) bool) {
		state, err := s.state(ctx, stream)
		wanted := true
		take := func(d protocol.Delivery) bool {
			wanted = d.Seq <= state.LastSeq && yield(d, nil)
			return wanted
		}
		for from := uint64(1); err == nil && wanted && from <= state.LastSeq; {
			var more bool
			if from, more, err = s.batch(ctx, stream, filter, from, take); err != nil || !wanted || more {
				continue
			}
			var m storedMsg
			m, err = s.leaderGet(ctx, stream, map[string]any{"next_by_subj": filter, "seq": from})
			if err != nil || m.Seq == 0 {
				break
			}
			take(protocol.Delivery{Seq: m.Seq, Time: m.Time, Subject: m.Subject, Data: m.Data})
			from = m.Seq + 1
		}
		if err != nil {
			yield(protocol.Delivery{}, wrap(err))
		}
	}
}
