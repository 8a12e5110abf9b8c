package jetstream

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// The direct path: a client's request or a worker's result goes to the shard's owner by core request, and the record of the step
// is what stores it. Through the inbox it would be stored twice, and be on its way for two hops more.
//
// Nothing rests on it. Whoever hears no verdict in time tells the inbox as well, under the same request ID, and the workflow knows
// the request again. What the sender knows to lie in the inbox is named, so that the owner does not overtake it.

// directPatience is how long a sender waits for the owner's verdict before it tells the inbox as well. It is longer than a step
// takes under load, since the second message is a burden of its own, and short enough for the death of an owner.
const directPatience = 2 * time.Second

// takenNo is the value of the header by which an owner says that an input must go through the inbox.
const takenNo = "no"

// sequences are, by shard, the last inbox sequence that is known to be stored.
type sequences []atomic.Uint64

// note takes note of a message that was stored, and sent when the last known sequence was before. If its own is not higher, the stream
// was made anew: with the old sequence in mind the owner would refuse everything until the new stream has come so far.
func (s sequences) note(shard int, before uint64, ack *natsjs.PubAck) {
	seq := ack.Sequence
	for {
		old := s[shard].Load()
		anew := !ack.Duplicate && seq <= before && before <= old
		if !anew && seq <= old || s[shard].CompareAndSwap(old, seq) {
			return
		}
	}
}

// indirectFor is how long no input of a kind goes directly after the server has refused one.
const indirectFor = time.Minute

// indirect are the kinds of inputs that this user may not send directly, and until when that is believed.
type indirect struct {
	mu    sync.Mutex
	kinds map[protocol.InputKind]time.Time
}

func (i *indirect) is(kind protocol.InputKind) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Now().Before(i.kinds[kind])
}

func (i *indirect) note(kind protocol.InputKind) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.kinds == nil {
		i.kinds = make(map[protocol.InputKind]time.Time)
	}
	i.kinds[kind] = time.Now().Add(indirectFor)
}

// tellDirectly sends an input to the shard's owner, which answers on the message's reply subject.
func (s *Store) tellDirectly(shard int, subject string, header nats.Header, data []byte, reply string) error {
	if after := s.stored[shard].Load(); after > 0 {
		header.Set(protocol.HeaderAfter, strconv.FormatUint(after, 10))
	}
	s.time.stamp(header)
	return wrap(s.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Header: header, Data: data}))
}

// askOwner sends an input to the shard's owner, and waits for the answer as long as patience has it. No answer and no error say that the
// inbox must be told; with doubt, it is not known whether the owner has taken it. The error of a context that ended is ctx's.
func (s *Store) askOwner(
	ctx context.Context, workflow string, body protocol.InputBody, header nats.Header, verdicts replies,
) (answer *nats.Msg, doubt bool, err error) {
	data, err := s.inputData(body)
	if err != nil {
		return nil, false, err
	}
	shard, kind := s.shard(workflow), body.InputKind()
	subject := s.ns.Direct(shard, kind, workflow)
	refused := wait{[]string{subject}, func(error) {
		s.indirect.note(kind)
		s.mux.deliver(notTakenAnswer(verdicts.to)) // as if the owner had said so
	}}
	s.refusals.add(s.nc, &refused)
	defer s.refusals.remove(&refused)
	if err := s.tellDirectly(shard, subject, header, data, verdicts.to); err != nil {
		return nil, false, err
	}
	patience := s.limits.start(directPatience)
	defer s.limits.stop(patience)
	select {
	case answer := <-verdicts.heard:
		if !notTaken(answer) {
			return answer, false, nil
		}
		s.time.hear(answer)
	case <-patience.C:
		return nil, true, nil
	case <-ctx.Done():
		return nil, true, ctx.Err()
	}
	return nil, false, nil
}

// notTaken reports whether an answer says that the input must go through the inbox: there is no owner, or it would overtake.
func notTaken(m *nats.Msg) bool {
	return noResponders(m) || m.Header.Get(protocol.HeaderTaken) == takenNo
}

// Directs delivers what is sent to the owner of a shard directly, until stop is called. handle must not block, and says whether it
// takes the input. after is the inbox sequence that the sender knows to be stored; the input must not be handled before it.
func (s *Store) Directs(shard int, handle func(d protocol.Delivery, after uint64) (taken bool)) (stop func(), err error) {
	var ending atomic.Bool
	unsubscribe, err := s.subscribeToAll(s.ns.Directs(shard), func(m *nats.Msg) {
		if !answerable(m.Reply) {
			return // nobody would hear what became of it, nor tell the inbox
		}
		if old(m.Header) {
			_ = s.answer(oldAnswer(m.Reply)) // mostly nobody waits for it
			return
		}
		d := protocol.Delivery{Time: time.Now(), Subject: m.Subject, Header: m.Header, Data: m.Data, Reply: m.Reply}
		after, err := afterOf(m)
		if err != nil || ending.Load() || !handle(d, after) {
			s.RefuseDirect(m.Reply)
		}
	})
	if err != nil {
		return nil, err
	}
	return func() { // who sends meanwhile must not wait until patience ends
		ending.Store(true)
		unsubscribe()
	}, nil
}

// afterOf is the inbox sequence that a direct input must not be handled before; zero: any time.
func afterOf(m *nats.Msg) (uint64, error) {
	after := m.Header.Get(protocol.HeaderAfter)
	if after == "" {
		return 0, nil
	}
	return strconv.ParseUint(after, 10, 64)
}

// RefuseDirect tells the sender of a direct input to use the inbox.
func (s *Store) RefuseDirect(reply string) {
	// Should it get lost, the sender's patience ends.
	_ = s.answer(notTakenAnswer(reply))
}

func notTakenAnswer(reply string) *nats.Msg {
	return &nats.Msg{Subject: reply, Header: nats.Header{protocol.HeaderTaken: {takenNo}}}
}

// PublishResult hands over how an attempt ended, and returns once that is part of history, or lies in the workflow's inbox. The first
// result of an attempt wins.
func (s *Store) PublishResult(ctx context.Context, workflow string, r protocol.ActivityResult) error {
	// An event that is decided anew, after a loss, has attempts of the same numbers, and the inbox may still know the ID of an old result.
	id := protocol.TaskID(r.Run, r.ScheduledID, r.Number()) + "-" + strconv.FormatInt(r.Started.UnixNano(), 36)
	if s.indirect.is(protocol.KindResult) {
		return s.TellLate(ctx, workflow, r, id, "")
	}
	verdicts, err := s.mux.open(verdictsKept)
	if err != nil {
		return err
	}
	defer verdicts.close()
	answer, _, err := s.askOwner(ctx, workflow, r, nats.Header{protocol.HeaderMsgID: {id}}, verdicts)
	if answer != nil || err != nil {
		return wrap(err) // a refusal is an answer as well: the attempt is over, and its result is nobody's
	}
	return s.TellLate(ctx, workflow, r, id, "") // results of other activities may overtake it
}

// verdict reads what became of an input.
func verdict(m *nats.Msg) (v protocol.Verdict, err error) {
	if err := protocol.Unmarshal(m.Data, &v); err != nil {
		return v, wrap(err)
	}
	if v.Error != nil {
		return v, v.Error
	}
	return v, nil
}
