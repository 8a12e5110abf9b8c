package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/millrace-dev/millrace/protocol"
)

// askTimeout bounds an Ask whose context has no deadline. A verdict comes after the workflow's step, and the step may take a
// worker some time.
const askTimeout = 15 * time.Second

// verdictsKept is how many answers to one request are kept: the owner's, and that of whoever reads the inbox.
const verdictsKept = 4

// Ask tells a workflow something and waits for the verdict, which the owner sends once the input is part of history. The input goes to
// the owner directly; if nothing is heard from there, it is stored in the inbox as well. The request must carry its own request ID:
// asking again with it is safe, for as long as the workflow ID has had no other run since. once says that the ID was made up for this call,
// so that nobody asks under it again.
//
// An error of code busy says that nothing was done, because there is no room for a new run; one of code timeout, that the input is stored
// and nobody has said yet what became of it.
func (s *Store) Ask(ctx context.Context, workflow string, body protocol.InputBody, id string, once bool) (protocol.Verdict, error) {
	v, err := s.tell(ctx, workflow, body, id, once)
	if err == nil && v.Nonce != "" {
		s.keepers.learn(workflow, kept{lastRecord{keeper{v.Run, v.Worker}, v.Nonce}, true})
	}
	return v, err
}

func (s *Store) tell(ctx context.Context, workflow string, body protocol.InputBody, id string, once bool) (protocol.Verdict, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askTimeout)
		defer cancel()
	}
	direct, err := s.mux.open(verdictsKept)
	if err != nil {
		return protocol.Verdict{}, err
	}
	defer direct.close()
	answer, doubt, err := s.askDirectly(ctx, workflow, body, id, once, direct)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return protocol.Verdict{}, unanswered()
	case err != nil:
		return protocol.Verdict{}, err
	case answer != nil:
		return verdict(answer)
	}
	if body.InputKind() == protocol.KindStart {
		switch why := s.inboxRefusal(ctx, s.shard(workflow)); {
		case why != nil && doubt: // it may have been taken, and is not to be stored: what is left is to listen
			return hearVerdict(ctx, direct.heard)
		case why != nil:
			return protocol.Verdict{}, why
		}
	}
	ctx, done := s.allowed(ctx, s.ns.Input(s.shard(workflow), body.InputKind(), workflow))
	v, err := s.askInbox(ctx, workflow, body, id, direct.heard)
	return v, done(err)
}

// askDirectly asks the owner, unless the input cannot go that way.
func (s *Store) askDirectly(
	ctx context.Context, workflow string, body protocol.InputBody, id string, once bool, verdicts replies,
) (answer *nats.Msg, doubt bool, err error) {
	if protocol.NeedsInbox(body) || s.indirect.is(body.InputKind()) {
		return nil, false, nil
	}
	header := nats.Header{protocol.HeaderMsgID: {id}}
	if once {
		header.Set(protocol.HeaderOnce, "yes")
	}
	return s.askOwner(ctx, workflow, body, header, verdicts)
}

func unanswered() error {
	return protocol.Errorf(protocol.CodeTimeout, "no orchestrator has answered in time").
		WithHint("asking again with the same request ID is safe")
}

// hearVerdict waits for the verdict on an input that may have been taken.
func hearVerdict(ctx context.Context, verdicts <-chan *nats.Msg) (protocol.Verdict, error) {
	for {
		select {
		case m := <-verdicts:
			if !notTaken(m) {
				return verdict(m)
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return protocol.Verdict{}, unanswered()
			}
			return protocol.Verdict{}, ctx.Err()
		}
	}
}

// Request calls an endpoint of the control API and decodes the answer into out. It asks again when no answer comes, so the endpoint must be
// one that may be asked twice.
func (s *Store) Request(ctx context.Context, endpoint string, in, out any) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	data, err := protocol.Marshal(in)
	if err != nil {
		return err
	}
	ctx, done := s.allowed(ctx, s.ns.API(endpoint))
	reply, err := s.request(ctx, s.ns.API(endpoint), data, requestPatience)
	if err = done(err); err != nil {
		if errors.Is(err, nats.ErrNoResponders) {
			return protocol.Errorf(protocol.CodeNoOrchestrator, "no orchestrator answers for namespace %q", string(s.ns)).
				WithHint("start one: `millrace dev` on this machine, or `millrace serve` next to your NATS")
		}
		return wrap(err)
	}
	var refused protocol.ErrorAnswer
	if reply.Header.Get(micro.ErrorHeader) != "" {
		out = &refused
	}
	if err := protocol.Unmarshal(reply.Data, out); err != nil {
		return protocol.Errorf(protocol.CodeUnsupported, "the answer of %q cannot be read: %v", endpoint, err).
			WithHint("client and orchestrator are of different versions")
	}
	if refused.Error != nil {
		return refused.Error
	}
	return nil
}
