package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// fetchReset gives a reset the history of the run that it speaks of. A run that there is not has none, and the machine refuses it.
func (a *actor) fetchReset(in *protocol.Input) error {
	b, ok := in.Body.(protocol.ResetInput)
	if !ok {
		return nil
	}
	var view *runView
	err := a.shard.persist("read the history of a run to reset", func(ctx context.Context) (err error) {
		view, err = readRun(ctx, a.shard.store, a.shard.id, a.id, a.baseOf(b))
		if errors.Is(err, protocol.ErrNotFound) {
			view, err = &runView{}, nil
		}
		return err
	})
	b.RequestID = cmp.Or(b.RequestID, "input-"+strconv.FormatUint(in.Seq, 10))
	if err == nil {
		in.Body = machine.Reset{ResetInput: b, Events: view.events}
	}
	return err
}

// baseOf is the run to copy. Half a copy is the latest run itself, and says whose copy it is.
func (a *actor) baseOf(b protocol.ResetInput) string {
	if r := a.w.Run; b.Run == "" && r != nil && r.Start.Reset != nil && r.Start.Reset.RequestID == b.RequestID {
		return r.Start.Reset.Run
	}
	return b.Run
}
