package orchestrator

import (
	"context"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// record commits the step, after the worker knows that keeps the run, if it has no part in it.
func (t *taking) record(ready machine.Ready) error {
	if err := t.overtake(ready); err != nil {
		return err
	}
	return t.commit(ready)
}

// overtake tells the worker that keeps the run, before the step is recorded, that it has no part in it: whoever asks that worker afterwards
// must not be answered as of before.
func (t *taking) overtake(ready machine.Ready) error {
	worker := t.w.Overtaken(ready, t.cached)
	if worker == "" {
		return nil
	}
	word := protocol.QueryTask{Workflow: t.id, Run: t.w.Run.ID(), Overtaken: true}
	if ready.Record.Worker == worker { // it had to begin anew
		word.Unless = ready.Record.Nonce
	}
	return t.shard.persist("tell a worker that a run goes on without it", func(ctx context.Context) error {
		return t.shard.store.Overtake(ctx, t.shard.id, worker, word)
	})
}
