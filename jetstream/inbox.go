package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// inputData is an input as it travels.
func (s *Store) inputData(body protocol.InputBody) ([]byte, error) {
	data, err := protocol.Marshal(body)
	if err == nil {
		err = s.Roomy(data)
	}
	return data, err
}

// inputMsg is an input as it lies in an inbox.
func (s *Store) inputMsg(workflow string, body protocol.InputBody, id, reply string) (*nats.Msg, error) {
	data, err := s.inputData(body)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{
		Subject: s.ns.Input(s.shard(workflow), body.InputKind(), workflow), Data: data,
		Header: nats.Header{natsjs.MsgIDHeader: {id}},
	}
	if reply != "" {
		m.Header.Set(protocol.HeaderReply, reply)
	}
	switch b := body.(type) {
	case protocol.StartInput:
		trace(m.Header, b.Headers)
	case protocol.UpdateInput:
		trace(m.Header, b.Headers)
	}
	return m, nil
}

// besides is what a message may need beside an input or a command that it is made of.
const besides = 64 << 10

// Roomy refuses an input that leaves no room in a message for what is made of it: its event in a page of history, a task, a verdict.
func (s *Store) Roomy(body []byte) error {
	limit := s.MaxMessage()
	if most := limit - min(besides, limit/8); len(body) > most {
		return protocol.Errorf(protocol.CodeTooLarge, "it has %d bytes, and %d are allowed on a server with a max_payload of %d",
			len(body), most, limit).WithHint("let large values travel through the object store, or raise max_payload")
	}
	return nil
}

// Tell stores an input in the workflow's inbox. The same id is stored once; reply, when not empty, is the subject that gets
// the verdict.
func (s *Store) Tell(ctx context.Context, workflow string, body protocol.InputBody, id, reply string) error {
	shard := s.shard(workflow)
	before := s.stored[shard].Load()
	ack, err := s.store(ctx, workflow, body, id, reply)
	if err == nil {
		s.stored.note(shard, before, ack)
	}
	return err
}

// TellLate is Tell for what may always be heard of late: what the sender tells the shard's owner directly need not wait for it.
func (s *Store) TellLate(ctx context.Context, workflow string, body protocol.InputBody, id, reply string) error {
	_, err := s.store(ctx, workflow, body, id, reply)
	return err
}

func (s *Store) store(ctx context.Context, workflow string, body protocol.InputBody, id, reply string) (*natsjs.PubAck, error) {
	m, err := s.inputMsg(workflow, body, id, reply)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	ctx, done := s.allowed(ctx, m.Subject)
	ack, err := s.js.PublishMsg(ctx, m)
	return ack, wrap(done(err))
}

// Send starts to store an input in the workflow's inbox. The same id is stored once.
func (s *Store) Send(workflow string, body protocol.InputBody, id string) func(context.Context) error {
	m, err := s.inputMsg(workflow, body, id, "")
	if err != nil {
		return func(context.Context) error { return err }
	}
	return s.publish(m)
}

// Inputs delivers a shard's inbox in order, from the first message that is left after a sequence.
func (s *Store) Inputs(ctx context.Context, shard int, after uint64, handle func(protocol.Delivery)) (stop func(), err error) {
	return s.read(ctx, s.ns.InboxStream(shard), s.ns.Inputs(shard), after, handle)
}

// InboxBounds tells up to which sequence the messages of a shard's inbox are gone, and that of the last one that was stored.
func (s *Store) InboxBounds(ctx context.Context, shard int) (gone, last uint64, err error) {
	state, err := s.state(ctx, s.ns.InboxStream(shard))
	if err != nil || state.Msgs == 0 {
		return state.LastSeq, state.LastSeq, err
	}
	return state.FirstSeq - 1, state.LastSeq, nil
}

// skipBatch is how many messages are on their way at once to have an inbox skip sequences.
const skipBatch = 256

// SkipInputs has a shard's inbox go on after a sequence. One that has lost its end gives sequences out again, and records have consumed
// inputs of those: what is told now would pass for what was told then. The sequences are used up by messages that nobody reads: their
// subject is that of no input, and they are gone before the inbox is read.
func (s *Store) SkipInputs(ctx context.Context, shard int, upTo uint64) error {
	stream, subject := s.ns.InboxStream(shard), s.ns.SkippedInput(shard)
	for {
		_, last, err := s.InboxBounds(ctx, shard)
		if err != nil {
			return err
		}
		if last >= upTo {
			return s.purge(ctx, stream, natsjs.WithPurgeSubject(subject))
		}
		acks := make([]func(context.Context) error, min(upTo-last, skipBatch))
		for i := range acks {
			acks[i] = s.publish(nats.NewMsg(subject))
		}
		for _, ack := range acks {
			if err := ack(ctx); err != nil {
				return err
			}
		}
	}
}

// Release removes a shard's inbox messages up to and including seq. The purge names their subjects, all that there are: one that names none
// takes later messages along, if those that lay at the end when the purge before came had been removed one by one (nats-server 2.15.2).
func (s *Store) Release(ctx context.Context, shard int, seq uint64) error {
	return s.purge(ctx, s.ns.InboxStream(shard),
		natsjs.WithPurgeSubject(s.ns.Inputs(shard)), natsjs.WithPurgeSequence(seq+1))
}

// RemoveInput removes one message of a shard's inbox. It is no error if the message is gone.
func (s *Store) RemoveInput(ctx context.Context, shard int, seq uint64) error {
	err := s.insist(ctx, "STREAM.MSG.DELETE."+s.ns.InboxStream(shard), oneMessage(seq))
	if hasCode(err, codeNoMessage) || hasCode(err, codeNotDeleted) {
		return nil
	}
	return err
}

// oneMessage is the request to remove a message.
func oneMessage(seq uint64) map[string]any { return map[string]any{"seq": seq, "no_erase": true} }

// purge removes messages, of subjects that must be named (see Release). It sends the request itself: a stream handle would first ask for
// the stream's state.
func (s *Store) purge(ctx context.Context, stream string, opts ...natsjs.StreamPurgeOpt) error {
	var req natsjs.StreamPurgeRequest
	for _, o := range opts {
		if err := o(&req); err != nil {
			return err
		}
	}
	if req.Sequence == 0 { // sent again and heard late, it would remove what has come since
		return s.call(ctx, "STREAM.PURGE."+stream, req)
	}
	return s.insist(ctx, "STREAM.PURGE."+stream, req)
}
