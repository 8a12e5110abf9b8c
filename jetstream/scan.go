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

const (
	// scanAhead is how many messages of a scan may wait in memory.
	scanAhead = 2000
	// scanIdle is how long a scan waits for the next message before it asks whether there is one.
	scanIdle = 2 * time.Second
)

// scan reads the messages of a stream that are there when it begins, in order, from a sequence on. Without bodies it is some five times as
// fast as with them. It ends when the stream's leader says that nothing is left: the copy that it reads may lag.
func (s *Store) scan(ctx context.Context, stream, filter string, from uint64, bodies bool) iter.Seq2[protocol.Delivery, error] {
	return func(yield func(protocol.Delivery, error) bool) {
		state, err := s.state(ctx, stream)
		if err != nil {
			yield(protocol.Delivery{}, err)
			return
		}
		end := state.LastSeq
		more, err := s.reaches(ctx, stream, filter, from, end)
		if err != nil || !more {
			if err != nil {
				yield(protocol.Delivery{}, err)
			}
			return
		}
		messages, err := s.messages(ctx, stream, filter, from, bodies)
		if err != nil {
			yield(protocol.Delivery{}, wrap(err))
			return
		}
		defer messages.Stop()
		for last := max(from, 1) - 1; more; {
			d, drained, err := next(ctx, messages)
			if err != nil {
				yield(protocol.Delivery{}, err)
				return
			}
			if d.Seq > 0 {
				if last = d.Seq; last > end || !yield(d, nil) || last == end {
					return
				}
			}
			if drained {
				if more, err = s.reaches(ctx, stream, filter, last+1, end); err != nil {
					yield(protocol.Delivery{}, err)
					return
				}
			}
		}
	}
}

// messages begins to read a stream.
func (s *Store) messages(ctx context.Context, stream, filter string, from uint64, bodies bool) (natsjs.MessagesContext, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	cfg := natsjs.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: natsjs.DeliverAllPolicy, HeadersOnly: !bodies,
	}
	if from > 1 {
		cfg.DeliverPolicy, cfg.OptStartSeq = natsjs.DeliverByStartSequencePolicy, from
	}
	consumer, err := s.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, err
	}
	return consumer.Messages(natsjs.PullMaxMessages(scanAhead), natsjs.PullExpiry(readerExpiry), natsjs.PullHeartbeat(readerHeartbeat))
}

// next takes the next message. drained says that the copy that is read has no more for now; without a message, that none came for a while.
func next(ctx context.Context, messages natsjs.MessagesContext) (d protocol.Delivery, drained bool, err error) {
	wait, cancel := context.WithTimeout(ctx, scanIdle)
	defer cancel()
	m, err := messages.Next(natsjs.NextContext(wait))
	switch {
	case ctx.Err() != nil:
		return d, false, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return d, true, nil
	case err != nil:
		return d, false, wrap(err)
	}
	meta, err := m.Metadata()
	if err != nil {
		return d, false, wrap(err)
	}
	return protocol.Delivery{
		Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: m.Subject(), Header: m.Headers(), Data: m.Data(),
	}, meta.NumPending == 0, nil
}

// reaches asks the leader of a stream whether it has a message between two sequences, both included.
func (s *Store) reaches(ctx context.Context, stream, filter string, from, to uint64) (bool, error) {
	if from > to {
		return false, nil
	}
	m, err := s.leaderGet(ctx, stream, map[string]any{"next_by_subj": filter, "seq": max(from, 1)})
	return m.Seq != 0 && m.Seq <= to, wrap(err)
}
