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
	// scanExpiry is how long one request for messages stands, and scanHeartbeat how often the server says that it does.
	scanExpiry    = 10 * time.Minute
	scanHeartbeat = 10 * time.Second
)

// scan reads the messages of a stream that are there when it begins, in order, from a sequence on. Without bodies it is some five times as
// fast as with them. It ends when the stream's leader says that nothing is left: the copy that it reads may lag. A reading that comes to a
// stop before is begun anew: in a cluster a request for messages may be lost, and nothing tells.
func (s *Store) scan(ctx context.Context, stream, filter string, from uint64, bodies bool) iter.Seq2[protocol.Delivery, error] {
	return func(yield func(protocol.Delivery, error) bool) {
		state, err := s.state(ctx, stream)
		for err == nil {
			var first storedMsg
			if first, err = s.first(ctx, stream, filter, from, state.LastSeq); err != nil || first.Seq == 0 {
				break
			}
			began := from
			from, err = s.part(ctx, stream, filter, from, state.LastSeq, bodies, yield)
			if from == began && hasNoLeader(err) { // says a server that cannot open its copy, and somebody leads: one by one, then
				from, err = first.yield(yield)
			}
			if from == 0 {
				return
			}
		}
		if err != nil {
			yield(protocol.Delivery{}, err)
		}
	}
}

// part reads messages until none is left, or none comes, and returns where to go on: 0 when no more are wanted.
func (s *Store) part(
	ctx context.Context, stream, filter string, from, to uint64, bodies bool, yield func(protocol.Delivery, error) bool,
) (uint64, error) {
	messages, err := s.messages(ctx, stream, filter, from, bodies)
	if err != nil {
		return from, wrap(err)
	}
	defer messages.Stop()
	for {
		d, drained, err := next(ctx, messages)
		switch {
		case err != nil:
			return from, err
		case d.Seq == 0:
			return from, nil
		case d.Seq > to:
			return d.Seq, nil
		case !yield(d, nil):
			return 0, nil
		}
		if from = d.Seq + 1; drained || from > to {
			return from, nil
		}
	}
}

// messages begins to read a stream.
func (s *Store) messages(ctx context.Context, stream, filter string, from uint64, bodies bool) (natsjs.MessagesContext, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	cfg := readsFrom(filter, from)
	cfg.HeadersOnly = !bodies
	consumer, err := s.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, err
	}
	return consumer.Messages(natsjs.PullMaxMessages(scanAhead), natsjs.PullExpiry(scanExpiry), natsjs.PullHeartbeat(scanHeartbeat))
}

// readsFrom is a consumer that reads from a sequence on.
func readsFrom(filter string, seq uint64) natsjs.OrderedConsumerConfig {
	cfg := natsjs.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: natsjs.DeliverAllPolicy}
	if seq > 1 {
		cfg.DeliverPolicy, cfg.OptStartSeq = natsjs.DeliverByStartSequencePolicy, seq
	}
	return cfg
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

// first asks the leader of a stream for its first message between two sequences, both included; the zero value says that there is none.
func (s *Store) first(ctx context.Context, stream, filter string, from, to uint64) (storedMsg, error) {
	if from > to {
		return storedMsg{}, nil
	}
	m, err := s.leaderGet(ctx, stream, map[string]any{"next_by_subj": filter, "seq": max(from, 1)})
	if err != nil || m.Seq > to {
		return storedMsg{}, wrap(err)
	}
	return m, nil
}

// yield passes the message on, and returns where to go on: 0 when no more are wanted.
func (m storedMsg) yield(yield func(protocol.Delivery, error) bool) (uint64, error) {
	header, err := m.header()
	if err != nil {
		return m.Seq, err
	}
	if !yield(protocol.Delivery{Seq: m.Seq, Time: m.Time, Subject: m.Subject, Header: header, Data: m.Data}, nil) {
		return 0, nil
	}
	return m.Seq + 1, nil
}
