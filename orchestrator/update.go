package orchestrator

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// update asks for an update and says how far it came in the step that took it.
func (c control) update(ctx context.Context, r protocol.UpdateRequest) (protocol.Verdict, error) {
	in, err := r.Update()
	if err != nil {
		return protocol.Verdict{}, err
	}
	in.UpdateID = cmp.Or(in.UpdateID, uuid.NewString())
	// The message has an ID of its own: an update's holds within its run only.
	return c.ask(ctx, r.ID, in, uuid.NewString())
}

// updateResult reads from history what became of an update.
func (c control) updateResult(ctx context.Context, r protocol.UpdateResultRequest) (protocol.Verdict, error) {
	var verdict protocol.Verdict
	var known bool
	err := c.look(ctx, r.ID, r.Run, func(w *machine.Workflow) { verdict, known = w.Run.UpdateVerdict(r.UpdateID) })
	switch {
	case err != nil:
		return protocol.Verdict{}, err
	case !known:
		return protocol.Verdict{}, protocol.Errorf(protocol.CodeNotFound, "the run of workflow %q knows no update %q", r.ID, r.UpdateID).
			WithHint("an update that was rejected leaves no trace; ask for it again")
	case verdict.Error != nil:
		return protocol.Verdict{}, verdict.Error
	}
	return verdict, nil
}
