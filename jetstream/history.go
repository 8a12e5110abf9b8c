package jetstream

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// Append adds a record to its workflow's subject, if the subject's last sequence is expect. [Appending] says how.
func (s *Store) Append(ctx context.Context, shard int, r *protocol.Record, data []byte, expect uint64) (uint64, error) {
	subject := s.ns.History(shard, r.Workflow)
	msg := &nats.Msg{Subject: subject, Data: data, Header: recordHeader(r, expect)}
	return Appending{
		Try: func(ctx context.Context) (uint64, error) { return s.tryAppend(ctx, msg) },
		Last: func(ctx context.Context) (protocol.Entry, error) {
			return s.lastOf(ctx, s.ns.HistoryStream(shard), subject)
		},
	}.Append(ctx, data, expect)
}

// recordHeader is what the headers of a record say, the last sequence that is expected on its subject included.
func recordHeader(r *protocol.Record, expect uint64) nats.Header {
	header, values := make(nats.Header, 8), make([]string, 0, 8) // one array for all of the values
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set(protocol.HeaderRun, r.Run)
	set(protocol.HeaderStep, strconv.FormatInt(r.Step, 10))
	set(protocol.HeaderNonce, r.Nonce)
	set(protocol.HeaderLast, strconv.FormatInt(r.Events[len(r.Events)-1].ID, 10))
	if r.First != 0 {
		set(protocol.HeaderFirst, strconv.FormatUint(r.First, 10))
	}
	if r.Worker != "" {
		set(protocol.HeaderWorker, r.Worker)
	}
	if len(r.Blobs) > 0 {
		set(protocol.HeaderBlobs, protocol.BlobsHeader(r.Blobs))
	}
	set(natsjs.ExpectedLastSubjSeqHeader, strconv.FormatUint(expect, 10))
	return header
}

// tryAppend publishes a record and waits for the acknowledgement, without the library's detours: it does this for every step of every
// workflow, and half of the time would be the library's.
func (s *Store) tryAppend(ctx context.Context, msg *nats.Msg) (uint64, error) {
	acks, err := s.mux.open(1)
	if err != nil {
		return 0, err
	}
	defer acks.close()
	msg.Reply = acks.to
	if err := s.nc.PublishMsg(msg); err != nil {
		return 0, err
	}
	patience := s.limits.start(defaultTimeout)
	defer s.limits.stop(patience)
	select {
	case m := <-acks.heard:
		return readAck(m)
	case <-patience.C:
		return 0, nats.ErrTimeout
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// readAck reads what a stream says of a publish: where it lies, or why it does not.
func readAck(m *nats.Msg) (uint64, error) {
	if noResponders(m) {
		return 0, natsjs.ErrNoStreamResponse
	}
	var ack struct {
		Stream string           `json:"stream"`
		Seq    uint64           `json:"seq"`
		Error  *natsjs.APIError `json:"error"`
	}
	switch err := protocol.Unmarshal(m.Data, &ack); {
	case err != nil:
		return 0, errors.Join(natsjs.ErrInvalidJSAck, err)
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Stream == "" || ack.Seq == 0:
		return 0, natsjs.ErrInvalidJSAck
	}
	return ack.Seq, nil
}

// Last reads the subject's last record from the stream's leader; its zero value says that there is none.
func (s *Store) Last(ctx context.Context, shard int, workflow string) (protocol.Entry, error) {
	e, err := s.lastOf(ctx, s.ns.HistoryStream(shard), s.ns.History(shard, workflow))
	return e, wrap(err)
}

// NextRecord is the shard's first record from a sequence on, whatever its workflow, as the stream's leader knows it. A sequence of zero
// says that there is none, an empty workflow that it is nothing that a node wrote.
func (s *Store) NextRecord(ctx context.Context, shard int, from uint64) (seq uint64, workflow string, err error) {
	m, err := s.leaderGet(ctx, s.ns.HistoryStream(shard), map[string]any{"next_by_subj": s.ns.Histories(shard), "seq": from})
	if err != nil || m.Seq == 0 {
		return 0, "", wrap(err)
	}
	if workflow, err = s.ns.ParseHistory(m.Subject); err != nil {
		workflow = ""
	}
	return m.Seq, workflow, nil
}

// lastOf is the last message of a subject, from the stream's leader; the zero value says that there is none.
func (s *Store) lastOf(ctx context.Context, stream, subject string) (protocol.Entry, error) {
	m, err := s.leaderLast(ctx, stream, subject)
	return protocol.Entry{Seq: m.Seq, Time: m.Time, Data: m.Data}, err
}

// leaderLast reads the last message of a subject from the stream's leader.
func (s *Store) leaderLast(ctx context.Context, stream, subject string) (storedMsg, error) {
	return s.leaderGet(ctx, stream, map[string]any{"last_by_subj": subject})
}

// storedMsg is a message as the server tells it.
type storedMsg struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`
}

// header reads the message's headers.
func (m storedMsg) header() (nats.Header, error) {
	if len(m.Header) == 0 {
		return nil, nil
	}
	return nats.DecodeHeadersMsg(m.Header)
}

// leaderGet reads a message from the stream's leader; its zero value says that there is none. The client library's own call would use
// a direct get, which any replica answers, and a replica may lag: 4 to 9 of 100 reads right after a write were stale.
func (s *Store) leaderGet(ctx context.Context, stream string, which map[string]any) (storedMsg, error) {
	reply, err := s.askLeader(ctx, "STREAM.MSG.GET."+stream, which)
	if err != nil {
		return storedMsg{}, err
	}
	return readStored(reply)
}

// readStored reads what the server answers to such a request.
func readStored(reply *nats.Msg) (storedMsg, error) {
	var answer struct {
		Error   *natsjs.APIError `json:"error"`
		Message storedMsg        `json:"message"`
	}
	if err := protocol.Unmarshal(reply.Data, &answer); err != nil {
		return storedMsg{}, err
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == natsjs.JSErrCodeMessageNotFound:
		return storedMsg{}, nil
	case answer.Error != nil && answer.Error.ErrorCode == natsjs.JSErrCodeStreamNotFound:
		return storedMsg{}, natsjs.ErrStreamNotFound
	case answer.Error != nil:
		return storedMsg{}, answer.Error
	}
	return answer.Message, nil
}

// HistoryEnd is the sequence of the shard's last record, whatever its workflow; 0 when there is none.
func (s *Store) HistoryEnd(ctx context.Context, shard int) (uint64, error) {
	state, err := s.state(ctx, s.ns.HistoryStream(shard))
	return state.LastSeq, err
}

// Range reads the subject's records between two sequences, both included, in order, batch by batch. Each has a deadline of its own: a long
// history takes as long as it takes. Only the server's word that there is no more ends the range before to.
func (s *Store) Range(ctx context.Context, shard int, workflow string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return func(yield func(protocol.Entry, error) bool) {
		for from <= to {
			next, more, err := s.batch(ctx, s.ns.HistoryStream(shard), s.ns.History(shard, workflow), from, func(d protocol.Delivery) bool {
				return d.Seq <= to && yield(protocol.Entry{Seq: d.Seq, Time: d.Time, Data: d.Data}, nil)
			})
			if err != nil {
				yield(protocol.Entry{}, err)
			}
			if !more {
				return
			}
			from = next
		}
	}
}

// LeaderRange is Range from the stream's leader, one record after the other.
func (s *Store) LeaderRange(ctx context.Context, shard int, workflow string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return func(yield func(protocol.Entry, error) bool) {
		subject := s.ns.History(shard, workflow)
		for from <= to {
			m, err := s.leaderGet(ctx, s.ns.HistoryStream(shard), map[string]any{"next_by_subj": subject, "seq": from})
			if err == nil && (m.Seq == 0 || m.Seq > to) {
				return
			}
			if !yield(protocol.Entry{Seq: m.Seq, Time: m.Time, Data: m.Data}, wrap(err)) || err != nil {
				return
			}
			from = m.Seq + 1
		}
	}
}

// EachCopy calls read, which reads from the leader of a shard's history, until that is whole. If it never is, every copy has led it.
func (s *Store) EachCopy(ctx context.Context, shard int, read func() (whole bool, err error)) error {
	_, err := s.fromAnyCopy(ctx, s.ns.HistoryStream(shard), read)
	return err
}
