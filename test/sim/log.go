package sim

import (
	"slices"
	"strings"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

// What a stream says when it does not store a message.
const (
	codeWrongSequence natsjs.ErrorCode = 10071 // the subject's last sequence is another than expected
	codeNotStored     natsjs.ErrorCode = 10077 // the subject holds its one message already
	codeSameInFlight  natsjs.ErrorCode = 10158 // a message of the same ID is in flight
	codeInFlight      natsjs.ErrorCode = 10164 // a write to the subject is in flight
)

// refused is the error of a code, as the server words it.
func refused(code natsjs.ErrorCode) error {
	text := map[natsjs.ErrorCode]string{
		codeWrongSequence: "wrong last sequence", codeNotStored: "maximum messages per subject exceeded",
		codeSameInFlight: "duplicate message id is in process", codeInFlight: "wrong last sequence",
	}[code]
	return &natsjs.APIError{Code: 400, ErrorCode: code, Description: text}
}

// message is what lies in a stream.
type message struct {
	seq     uint64
	subject string
	id      string // deduplicates; empty: nothing does
	header  map[string][]string
	data    []byte
	time    time.Time

	target string    // of a schedule: the subject on which it fires
	at     time.Time // and when
	does   string    // the effect that the message is, for the shadow
}

// fence is an expectation: the last sequence on a subject, mostly the one that is written.
type fence struct {
	subject string
	seq     uint64
}

// proposal is a message that a replicated stream's leader has accepted and that the others have not.
type proposal struct {
	message

	fence string // the subject of its fence; empty when it has none
	done  func(ack, error)
}

// ack is what a stream says of a message that it has.
type ack struct {
	seq       uint64
	duplicate bool
}

// stream is the fake log: what a JetStream stream does that the engine rests on. It knows nothing of faults: it is at rest in between two
// calls, and whoever drives it decides when what is in flight is committed, or lost. conformance_test.go compares it with real servers.
type stream struct {
	name       string
	replicated bool
	window     time.Duration // in which an ID is known
	queue      bool          // one message per subject, and a second one is refused

	msgs     []message // in order; what was removed leaves no trace
	last     uint64
	ids      map[string]known
	inFlight []*proposal
	stalled  time.Time // nothing is committed before

	stored func(message) // hears of every message
}

// known is an ID that was seen, and the sequence under which; zero: its message is in flight.
type known struct {
	seq  uint64
	time time.Time
}

// publish takes a message as the leader does. It is stored at once, refused, or in flight until [stream.commit].
func (s *stream) publish(now time.Time, m message, f *fence, done func(ack, error)) {
	m.time = now
	if s.replicated {
		s.propose(m, f, done)
		return
	}
	if f != nil && s.lastOf(f.subject).seq != f.seq {
		done(ack{}, refused(codeWrongSequence))
		return
	}
	if old, ok := s.knows(now, m.id); ok {
		done(ack{seq: old.seq, duplicate: true}, nil)
		return
	}
	if s.queue && s.lastOf(m.subject).seq != 0 {
		done(ack{}, refused(codeNotStored))
		return
	}
	done(ack{seq: s.store(m)}, nil)
}

// propose is what a replicated stream's leader does, in the order in which the server does it.
func (s *stream) propose(m message, f *fence, done func(ack, error)) {
	if old, ok := s.knows(m.time, m.id); ok {
		if old.seq == 0 {
			done(ack{}, refused(codeSameInFlight))
			return
		}
		done(ack{seq: old.seq, duplicate: true}, nil)
		return
	}
	p := &proposal{message: m, done: done}
	if f != nil {
		if s.flies(f.subject) {
			done(ack{}, refused(codeInFlight))
			return
		}
		if s.lastOf(f.subject).seq != f.seq {
			done(ack{}, refused(codeWrongSequence))
			return
		}
		p.fence = f.subject
	}
	if s.queue && (s.lastOf(m.subject).seq != 0 || s.flies(m.subject)) {
		done(ack{}, refused(codeNotStored))
		return
	}
	if m.id != "" {
		s.remember(m.id, known{time: m.time})
	}
	s.inFlight = append(s.inFlight, p)
}

// flies reports whether a message of the literal subject is in flight, or a fence on it is.
func (s *stream) flies(subject string) bool {
	return slices.ContainsFunc(s.inFlight, func(p *proposal) bool { return p.subject == subject || p.fence == subject })
}

// commit stores the message that has been in flight for longest.
func (s *stream) commit() {
	p := s.inFlight[0]
	s.inFlight = s.inFlight[1:]
	p.done(ack{seq: s.store(p.message)}, nil)
}

// elect gives the stream a new leader, who knows what was committed, and forgets what else was in flight. Nobody is answered.
func (s *stream) elect() {
	for _, p := range s.inFlight {
		delete(s.ids, p.id)
	}
	s.inFlight = nil
}

func (s *stream) store(m message) uint64 {
	s.last++
	m.seq = s.last
	if m.id != "" {
		s.remember(m.id, known{seq: m.seq, time: m.time})
	}
	if m.target != "" { // a schedule takes the place of the one before it
		s.purge(m.subject, 0)
	}
	s.msgs = append(s.msgs, m)
	if s.stored != nil {
		s.stored(m)
	}
	return m.seq
}

func (s *stream) remember(id string, k known) {
	if s.ids == nil {
		s.ids = make(map[string]known)
	}
	s.ids[id] = k
}

func (s *stream) knows(now time.Time, id string) (known, bool) {
	k, ok := s.ids[id]
	if id == "" || !ok || now.Sub(k.time) > s.window {
		return known{}, false
	}
	return k, true
}

// lastOf is the last message of a subject, which may be a pattern; its zero value says that there is none.
func (s *stream) lastOf(subject string) message {
	for _, m := range slices.Backward(s.msgs) {
		if matches(subject, m.subject) {
			return m
		}
	}
	return message{}
}

// next is the first message of a subject from a sequence on.
func (s *stream) next(subject string, from uint64) (message, bool) {
	i, _ := slices.BinarySearchFunc(s.msgs, from, func(m message, seq uint64) int { return compare(m.seq, seq) })
	for _, m := range s.msgs[i:] {
		if matches(subject, m.subject) {
			return m, true
		}
	}
	return message{}, false
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// purge removes the messages of a subject below a sequence; zero: all of them.
func (s *stream) purge(subject string, below uint64) (gone []message) {
	var left []message
	for _, m := range s.msgs {
		if matches(subject, m.subject) && (below == 0 || m.seq < below) {
			gone = append(gone, m)
		} else {
			left = append(left, m)
		}
	}
	if len(gone) > 0 {
		s.msgs = left
	}
	return gone
}

// remove removes a message, as an acknowledgement does in a work queue.
func (s *stream) remove(seq uint64) {
	s.msgs = slices.DeleteFunc(s.msgs, func(m message) bool { return m.seq == seq })
}

// first is the sequence of the first message that is left; one beyond the last when there is none.
func (s *stream) first() uint64 {
	if len(s.msgs) == 0 {
		return s.last + 1
	}
	return s.msgs[0].seq
}

// matches reports whether a subject fits a pattern of NATS.
func matches(pattern, subject string) bool {
	if pattern == "" || pattern == subject {
		return true
	}
	if !strings.ContainsAny(pattern, "*>") {
		return false
	}
	for {
		want, restWanted, more := strings.Cut(pattern, ".")
		if want == ">" {
			return subject != ""
		}
		got, restGot, has := strings.Cut(subject, ".")
		if want != "*" && want != got || more != has {
			return false
		}
		if !more {
			return true
		}
		pattern, subject = restWanted, restGot
	}
}
