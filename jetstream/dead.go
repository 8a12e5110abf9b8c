package jetstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"iter"
	"maps"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// maxWhy is the most bytes of a reason that a dead letter has, and maxSource of the last token of its subject.
	maxWhy, maxSource = 1 << 10, 200
	// deadRoom is what the headers and the subject of a dead letter may need of a message, beside what it had itself.
	deadRoom = 8 << 10
	// encodingGzip says that a body was compressed because it did not fit.
	encodingGzip = "gzip"
)

// DeadLetter stores a message that could not be decoded or applied, as it was but for the server's headers, with its subject
// and the reason. It always fits: a body that has no room beside the reason is compressed, and cut if that is not enough, because
// what cannot be given up would be tried for ever.
func (s *Store) DeadLetter(ctx context.Context, d protocol.Delivery, reason error) error {
	why := protocol.AsError(reason)
	header := nats.Header(maps.Clone(d.Header))
	if header == nil {
		header = nats.Header{}
	}
	// The server's own headers told it once what to do with the message. Here they could make it refuse the message, and the
	// same message may be buried again.
	maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Nats-") })
	if id := d.Get(protocol.HeaderMsgID); id != "" {
		header.Set(protocol.HeaderWas, id)
	}
	header.Set(protocol.HeaderFrom, d.Subject)
	header.Set(protocol.HeaderWhy, cut(why.Message, maxWhy))
	header.Set(protocol.HeaderCode, string(why.Code))
	m := &nats.Msg{Subject: s.ns.Dead(deadSource(d.Subject)), Header: header, Data: d.Data}
	s.fit(m)
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := s.js.PublishMsg(ctx, m)
	return wrap(err)
}

// fit makes a dead letter fit into a message. Headers that fill one are dropped as well.
func (s *Store) fit(m *nats.Msg) {
	most := s.MaxMessage()
	room := most - min(deadRoom, most/2)
	if headerSize(m.Header)+len(m.Data) <= room {
		return
	}
	m.Header.Set(protocol.HeaderSize, strconv.Itoa(len(m.Data)))
	if headerSize(m.Header) > room/2 {
		ours := []string{protocol.HeaderWas, protocol.HeaderFrom, protocol.HeaderWhy, protocol.HeaderCode, protocol.HeaderSize}
		kept := nats.Header{protocol.HeaderCut: {"headers"}}
		for _, name := range ours {
			if v := m.Header.Get(name); v != "" {
				kept.Set(name, cut(v, 2*maxWhy))
			}
		}
		m.Header = kept
	}
	room = max(room-headerSize(m.Header), 0)
	if len(m.Data) <= room {
		return
	}
	if packed := pack(m.Data); len(packed) <= room {
		m.Data = packed
		m.Header.Set(protocol.HeaderPacked, encodingGzip)
		return
	}
	m.Data = m.Data[:room/2]
	m.Header.Set(protocol.HeaderCut, "body")
}

func headerSize(h nats.Header) (n int) {
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

func pack(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}

// deadSource is the last token of a dead letter's subject: the original subject, or the beginning of one that is too long for a token.
func deadSource(subject string) string {
	token := protocol.Token(subject)
	if len(token) > maxSource {
		token = token[:maxSource] + "-" + protocol.Digest([]byte(subject))
	}
	return token
}

// DeadLetters reads every dead letter, oldest first.
func (s *Store) DeadLetters(ctx context.Context) iter.Seq2[protocol.DeadLetter, error] {
	return func(yield func(protocol.DeadLetter, error) bool) {
		for from, more := uint64(1), true; more; {
			var err error
			from, more, err = s.deadBatch(ctx, from, func(d protocol.DeadLetter) bool { return yield(d, nil) })
			if err != nil {
				yield(protocol.DeadLetter{}, err)
			}
		}
	}
}

func (s *Store) deadBatch(
	ctx context.Context, from uint64, take func(protocol.DeadLetter) bool,
) (next uint64, more bool, err error) {
	return s.batch(ctx, s.ns.DeadStream(), s.ns.DeadLetters(), from, func(m protocol.Delivery) bool {
		d := s.deadLetter(m.Header, m.Data)
		d.Seq, d.Time = m.Seq, m.Time
		return take(d)
	})
}

// ReadDeadLetter reads one dead letter.
func (s *Store) ReadDeadLetter(ctx context.Context, seq uint64) (protocol.DeadLetter, error) {
	m, err := s.leaderGet(ctx, s.ns.DeadStream(), map[string]any{"seq": seq})
	if err != nil {
		return protocol.DeadLetter{}, wrap(err)
	}
	if m.Seq == 0 {
		return protocol.DeadLetter{}, noLetter(seq)
	}
	header, err := m.header()
	if err != nil {
		return protocol.DeadLetter{}, wrap(err)
	}
	d := s.deadLetter(header, m.Data)
	d.Seq, d.Time = m.Seq, m.Time
	return d, nil
}

func noLetter(seq uint64) error {
	return protocol.Errorf(protocol.CodeNotFound, "there is no dead letter %d", seq).WithHint("`millrace dlq ls` shows what there is")
}

// RemoveDeadLetter removes one.
func (s *Store) RemoveDeadLetter(ctx context.Context, seq uint64) error {
	err := s.call(ctx, "STREAM.MSG.DELETE."+s.ns.DeadStream(), oneMessage(seq))
	if hasCode(err, codeNoMessage) || hasCode(err, codeNotDeleted) {
		return noLetter(seq)
	}
	return err
}

// deadHeaders are ours: they say what became of the message, and did not belong to it.
var deadHeaders = []string{
	protocol.HeaderFrom, protocol.HeaderWhy, protocol.HeaderCode, protocol.HeaderWas, protocol.HeaderSize, protocol.HeaderPacked,
	protocol.HeaderCut,
}

// deadLetter reads what was stored.
func (s *Store) deadLetter(header nats.Header, data []byte) protocol.DeadLetter {
	d := protocol.DeadLetter{
		Subject: header.Get(protocol.HeaderFrom), Reason: header.Get(protocol.HeaderWhy),
		Code:      protocol.Code(header.Get(protocol.HeaderCode)),
		MessageID: header.Get(protocol.HeaderWas), Size: len(data), Cut: header.Get(protocol.HeaderCut) != "", Body: data,
	}
	if n, err := strconv.Atoi(header.Get(protocol.HeaderSize)); err == nil {
		d.Size = n
	}
	if header.Get(protocol.HeaderPacked) == encodingGzip {
		if body, err := unzip(data, d.Size); err == nil {
			d.Body = body
		} else {
			d.Cut = true
		}
	}
	if workflow, shard, ok := s.ns.DeadSource(d.Subject); ok {
		d.Workflow, d.Shard = workflow, &shard
	}
	for name, v := range header {
		if len(v) > 0 && !strings.HasPrefix(name, "Nats-") {
			if d.Headers == nil {
				d.Headers = make(map[string]string)
			}
			d.Headers[name] = v[0]
		}
	}
	for _, name := range deadHeaders {
		delete(d.Headers, name)
	}
	return d
}

// mostUnzipped is how large a message can have been; the server allows none that is larger.
const mostUnzipped = 64 << 20

func unzip(data []byte, size int) ([]byte, error) {
	if size < 0 || size > mostUnzipped {
		return nil, io.ErrUnexpectedEOF
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(size)+1))
	if err == nil && len(body) != size {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

// answered are the kinds of inputs whose reply subject hears a verdict.
var answered = map[protocol.InputKind]bool{
	protocol.KindStart: true, protocol.KindSignal: true, protocol.KindCancel: true, protocol.KindTerminate: true, protocol.KindUpdate: true,
	protocol.KindPause: true, protocol.KindReset: true, protocol.KindActivity: true, protocol.KindResult: true,
}

// RetryDeadLetter publishes a dead letter once more where it came from, and says what became of it. The letter itself stays; see
// [protocol.Retried].
//
// It gets a message ID that is derived from the letter: under its own the server would take it for the message that was given up, for as
// long as its window lasts, and store nothing; under a new one, a retry that was interrupted would do everything twice. The workflow
// knows a request that it has taken by the ID in the body.
func (s *Store) RetryDeadLetter(ctx context.Context, d protocol.DeadLetter) (r protocol.Retried, err error) {
	r = protocol.Retried{Seq: d.Seq}
	subject, ok := s.ns.Retriable(d.Subject)
	switch {
	case !ok:
		return r, protocol.Errorf(protocol.CodeBadRequest, "what came from %.80q is not sent again", d.Subject).
			WithHint("`millrace dlq show %d` has it; restore what it belongs to and remove the letter", d.Seq)
	case d.Cut:
		return r, protocol.Errorf(protocol.CodeTooLarge, "dead letter %d is not whole: the message was larger than one may be", d.Seq).
			WithHint("ask its sender for it, and remove the letter")
	}
	id := "retry-" + strconv.FormatUint(d.Seq, 10) + "-" + strconv.FormatInt(d.Time.UnixNano(), 36)
	m := &nats.Msg{Subject: subject, Data: d.Body, Header: nats.Header{natsjs.MsgIDHeader: {id}}}
	for name, v := range d.Headers {
		if name != protocol.HeaderReply && name != protocol.HeaderAfter {
			m.Header.Set(name, v)
		}
	}
	kind, _, err := s.ns.ParseInput(subject)
	waits := err == nil && answered[kind]
	verdicts, err := s.mux.open(verdictsKept)
	if err != nil {
		return r, err
	}
	defer verdicts.close()
	if waits {
		m.Header.Set(protocol.HeaderReply, verdicts.to)
	}
	before, err := s.state(ctx, s.ns.DeadStream())
	if err != nil {
		return r, err
	}
	ack, err := s.js.PublishMsg(ctx, m)
	switch {
	case waiting(err):
		r.Outcome = protocol.RetryThere
		return r, nil
	case err != nil:
		return r, wrap(err)
	}
	r.Outcome = protocol.RetrySent
	if !waits || ack.Duplicate {
		return r, nil
	}
	select {
	case m := <-verdicts.heard:
		v, err := verdict(m)
		r.Outcome, r.Run = protocol.RetryTaken, v.Run
		if err != nil {
			r.Outcome, r.Error = protocol.RetryRefused, protocol.AsError(err)
			r.BuriedAs = s.buriedAs(ctx, before.LastSeq+1, id)
		}
		return r, nil
	case <-ctx.Done():
		return r, nil // it is stored, and will be handled
	}
}

// buriedAs is the sequence of the dead letter that a message with this ID has become; zero if it has not.
func (s *Store) buriedAs(ctx context.Context, from uint64, id string) (seq uint64) {
	_, _, err := s.deadBatch(ctx, from, func(d protocol.DeadLetter) bool {
		if d.MessageID == id {
			seq = d.Seq
		}
		return seq == 0
	})
	if err != nil {
		return 0 // what cannot be read is taken for not buried: the old letter stays
	}
	return seq
}
