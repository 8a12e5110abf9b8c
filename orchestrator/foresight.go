package orchestrator

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// foresight is for the worker that takes the run's only activity.
func (a *actor) foresight(toHand []protocol.ActivityTask) *protocol.Foresight {
	if len(toHand) != 1 || a.waiting() {
		return nil
	}
	return a.w.Foresight()
}

// draft drafts what the inputs mean: as a worker foresaw it, if one did and nothing else has happened.
func (a *actor) draft(ctx context.Context, fresh []item) (*taking, error) {
	in, now := inputs(fresh), a.shard.time.now()
	if s := a.w.Foresaw(in, now); s != nil {
		t := &taking{actor: a, batch: fresh, turn: a.w.Begin(in, s.Nonce, s.Time.UTC())}
		if err := t.route(ctx); err != nil {
			return nil, err
		}
		if t.turn.Foresaw(s) {
			t.foreseen = &s.Answer
			return t, nil
		}
	}
	t := &taking{actor: a, batch: fresh, turn: a.w.Begin(in, a.shard.nonce(), now)}
	err := t.route(ctx)
	return t, err
}

// hear is what a worker says of the step, whether it has foreseen it or is asked. An input that cannot wait interrupts the asking.
func (t *taking) hear(ctx context.Context) (answer *protocol.WorkflowTaskAnswer, interrupted bool, err error) {
	if a := t.foreseen; a != nil {
		t.foreseen, t.cached = nil, true
		return a, false, nil
	}
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	t.onInterrupt(cancel)
	answer, err = t.ask(asking)
	t.onInterrupt(nil)
	return answer, asking.Err() != nil, err
}
