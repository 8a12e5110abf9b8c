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
	in := inputs(fresh)
	if s := a.w.Foresaw(in, a.shard.time.now()); s != nil {
		t := &taking{actor: a, batch: fresh, turn: a.w.Begin(in, s.Nonce, s.Time.UTC())}
		if err := t.route(ctx); err != nil {
			return nil, err
		}
		if t.turn.Foresaw(s) {
			t.foreseen = &s.Answer
			return t, nil
		}
	}
	t := &taking{actor: a, batch: fresh, turn: a.w.Begin(in, a.shard.nonce(), a.shard.time.now())}
	err := t.route(ctx)
	return t, err
}

// answer is what a worker says of the step.
func (t *taking) answer(ctx context.Context) (*protocol.WorkflowTaskAnswer, error) {
	if a := t.foreseen; a != nil {
		t.foreseen = nil
		return a, nil
	}
	return t.ask(ctx)
}
