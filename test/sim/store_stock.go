package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// What a shard's new owner asks to find out whether a stream has lost its end. Here none ever does: power cuts are played on real files, in
// test/durable.

// errNoLoss is the error of what is only done when something was lost.
var errNoLoss = errors.New("no stream of the simulation loses its end")

// Server implements [orchestrator.Log]. The servers are several, and hold each other's messages.
func (s *store) Server(context.Context) (string, error) { return "", nil }

// Tails implements [orchestrator.Log].
func (s *store) Tails(ctx context.Context, shard int) (protocol.Tails, error) {
	w := s.node.w
	return request(ctx, s.node, "asks where the streams end", func() (protocol.Tails, error) {
		return protocol.Tails{Inbox: w.inbox[shard].last, Timers: w.timers[shard].last, Tasks: w.tasks.last}, nil
	})
}

// Consumed implements [orchestrator.Log].
func (s *store) Consumed(ctx context.Context, shard int, from uint64) (uint64, error) {
	st := s.node.w.history[shard]
	return request(ctx, s.node, fmt.Sprint("asks for the inputs of the records from ", from), func() (upTo uint64, _ error) {
		for m, ok := st.next(ns.Histories(shard), from); ok; m, ok = st.next(ns.Histories(shard), m.seq+1) {
			var r protocol.Record
			if err := protocol.Unmarshal(m.data, &r); err != nil {
				return 0, err
			}
			if len(r.Inputs) > 0 {
				upTo = max(upTo, slices.Max(r.Inputs))
			}
		}
		return upTo, nil
	})
}

// HistorySince implements [orchestrator.Log].
func (s *store) HistorySince(context.Context, int, time.Duration) (uint64, time.Time, error) {
	return 0, time.Time{}, errNoLoss
}

// SkipInputs implements [orchestrator.Inbox].
func (s *store) SkipInputs(context.Context, int, uint64) error { return errNoLoss }

// Rows implements [orchestrator.Index].
func (s *store) Rows(context.Context) iter.Seq2[protocol.Row, error] {
	return func(yield func(protocol.Row, error) bool) { yield(protocol.Row{}, errNoLoss) }
}

// RowsSince implements [orchestrator.Index].
func (s *store) RowsSince(ctx context.Context, _ time.Time) iter.Seq2[protocol.Row, error] {
	return s.Rows(ctx)
}
