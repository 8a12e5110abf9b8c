package jetstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// batchMessages is how many messages are asked for at once.
	batchMessages = 256
	// batchBytes is the size at which the server ends a batch early. Without, it sends up to 64 MB.
	batchBytes = 2 << 20
)

// batchRequest asks for some messages of a subject from a sequence on.
type batchRequest struct {
	Batch    int    `json:"batch"`
	MaxBytes int    `json:"max_bytes"`
	Seq      uint64 `json:"seq"`
	Subject  string `json:"next_by_subj"`
}

// batch reads some messages from a sequence on, from whichever copy answers, and returns where to go on. more is false when there is
// nothing further, or take does not want it. It may be cut short by the size of the messages. A copy that says nothing is given up for
// another: its server may be frozen, and all others answer.
func (s *Store) batch(
	ctx context.Context, stream, filter string, from uint64, take func(protocol.Delivery) bool,
) (next uint64, more bool, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	req, err := protocol.Marshal(batchRequest{batchMessages, batchBytes, from, filter})
	if err != nil {
		return from, false, err
	}
	subject := s.api("DIRECT.GET." + stream)
	ctx, done := s.allowed(ctx, subject)
	defer func() { err = wrap(done(err)) }()
	for patience := streamPatience; ; patience *= 2 {
		if next, more, err = s.readCopy(ctx, subject, req, from, patience, take); !errors.Is(err, errSilent) {
			return next, more, err
		}
	}
}

// errSilent says that nothing at all was heard of a copy.
var errSilent = errors.New("no copy of the stream has answered")

// readCopy asks for a batch and reads it, if its first message comes before patience has ended. The library's own call makes a subscription
// with a channel of 512 KB each time: a node that reads many histories at once would need hundreds of megabytes for that.
func (s *Store) readCopy(
	ctx context.Context, subject string, req []byte, from uint64, patience time.Duration, take func(protocol.Delivery) bool,
) (next uint64, more bool, err error) {
	messages, err := s.mux.open(batchMessages + 1)
	if err != nil {
		return from, false, err
	}
	defer messages.close()
	if err := s.nc.PublishRequest(subject, messages.to, req); err != nil {
		return from, false, err
	}
	silence := s.limits.start(patience)
	defer s.limits.stop(silence)
	select {
	case first := <-messages.heard:
		return readBatch(ctx, from, first, messages.heard, take)
	case <-silence.C:
		return from, false, errSilent
	case <-ctx.Done():
		return from, false, ctx.Err()
	}
}

// readBatch takes the messages of a batch, from the first on.
func readBatch(
	ctx context.Context, from uint64, m *nats.Msg, messages <-chan *nats.Msg, take func(protocol.Delivery) bool,
) (next uint64, more bool, err error) {
	var before uint64
	for next = from; ; {
		d, last, err := batched(m)
		switch {
		case err != nil || last:
			return next, last && next > from, err
		case !follows(m.Header, before):
			return next, true, nil
		}
		before, next = d.Seq, d.Seq+1
		if !take(d) {
			return next, false, nil
		}
		select {
		case m = <-messages:
		case <-ctx.Done():
			return next, false, ctx.Err() // silence must not look like the end
		}
	}
}

// What the server says in place of a message.
const (
	batchEnd  = "204" // of the batch
	batchNone = "404" // there is nothing from the sequence on
)

// batched reads one message of a batch. last says that it is none, and that none comes after it.
func batched(m *nats.Msg) (d protocol.Delivery, last bool, err error) {
	switch status := m.Header.Get("Status"); {
	case len(m.Data) > 0 || status == "":
	case status == batchEnd, status == batchNone:
		return d, true, nil
	case noResponders(m):
		return d, false, natsjs.ErrNoStreamResponse
	default:
		return d, false, protocol.Errorf(protocol.CodeUnavailable, "NATS refuses to read: %s %s", status, m.Header.Get("Description"))
	}
	d = protocol.Delivery{Subject: m.Header.Get(natsjs.SubjectHeader), Header: m.Header, Data: m.Data}
	if d.Seq, err = strconv.ParseUint(m.Header.Get(natsjs.SequenceHeader), 10, 64); err != nil {
		return d, false, err
	}
	d.Time, err = time.Parse(time.RFC3339Nano, m.Header.Get(natsjs.TimeStampHeaer))
	return d, false, err
}

// follows reports whether a message of a batch comes right after the one at a sequence; zero is before the first. Each names the one before
// it, because an answer whose middle went down with a connection goes on over the next connection. Who took what comes then for the next
// record would quarantine a workflow that is in the best of health.
func follows(h nats.Header, last uint64) bool {
	before := h.Get(natsjs.LastSequenceHeader)
	return before == "" || before == strconv.FormatUint(last, 10)
}
