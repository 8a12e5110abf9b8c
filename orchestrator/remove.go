package orchestrator

import (
	"context"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// All runs of a workflow ID lie on one subject, one after the other, and a purge removes a subject's records up to a sequence. So what can
// go is a run that has ended, and those before it. Four things make that safe:
//
//   - Nothing is to follow any more: the effects of the workflow's last record were performed, no run is to follow it, and none is being
//     copied from one of them.
//   - Nothing comes again: no message of the workflow lies in the inbox. One that was handled and is not released yet would come again
//     after a crash, and find no history that tells: a start would begin its run a second time, a start that was refused would begin one.
//   - No record that anybody may still write can be hit: it lies beyond the sequence. Whoever decided one upon what is gone is refused, as
//     after any conflict, and decides again without. The next run's first record may name the digest of one that is gone, which nobody
//     checks: it is the first that there is.
//   - The history goes last. A node that dies in between leaves it, and whoever is asked to remove the run does all of it once more.
//
// What the runs refer to is touched before: whoever has a reference from one of them has as long as after an upload to pass it on.

// remove removes a run and those before it, and tells whoever waits.
func (a *actor) remove(it item, b protocol.DeleteInput) {
	verdict := protocol.Verdict{ID: a.id, Run: b.Run}
	found, err := a.past(b.Run)
	if err == nil {
		err = a.mayGo(it, found)
	}
	if err == nil {
		err = a.purge(found)
	}
	if a.shard.ctx.Err() != nil {
		return // the shard is given up: the next owner is asked again
	}
	if err != nil {
		verdict.Run, verdict.Error = "", protocol.AsError(err)
	}
	if it.removed != nil {
		it.removed(err)
	}
	if it.input.Reply != "" {
		a.shard.reply(it.input.Reply, verdict)
	}
	it.done()
}

// past is a run and those before it, as far as they must be known to remove them.
type past struct {
	seq   uint64 // of the last record
	runs  map[string]struct{}
	blobs map[string]struct{}
}

// past reads the records of a run and of those before it.
func (a *actor) past(run string) (found *past, err error) {
	upTo := a.w.Seq
	if a.w.Run == nil {
		return nil, notFound(a.id, run)
	}
	if a.w.Run.ID() != run {
		upTo = a.w.Run.First - 1
	}
	err = a.shard.persist("read the runs to remove", func(ctx context.Context) error {
		found = nil
		p := &past{runs: make(map[string]struct{}), blobs: make(map[string]struct{})}
		for e, err := range a.shard.store.Range(ctx, a.shard.id, a.id, 1, upTo) {
			if err != nil {
				return err
			}
			r, ours := readPast(e)
			if found != nil && r != run {
				return nil // a later run begins
			}
			p.runs[r] = struct{}{}
			for _, name := range ours {
				p.blobs[name] = struct{}{}
			}
			if r == run {
				found, p.seq = p, e.Seq
			}
		}
		if run == a.w.Run.ID() && p.seq != upTo {
			return protocol.Errorf(protocol.CodeUnavailable, "the history of workflow %q does not reach to its end yet", a.id)
		}
		return nil
	})
	if err == nil && found == nil {
		err = notFound(a.id, run)
	}
	return found, err
}

// readPast reads whose record it is and what it refers to. One that cannot be read can be removed all the same.
func readPast(e protocol.Entry) (run string, blobs []string) {
	data, err := protocol.Unpack(e.Data)
	if err != nil {
		return "", nil
	}
	var r struct {
		Run string `json:"run_id"`
	}
	if err := protocol.Unmarshal(data, &r); err != nil {
		return "", protocol.BlobNames(data)
	}
	return r.Run, protocol.BlobNames(data)
}

// mayGo says why runs cannot be removed now, if they cannot.
func (a *actor) mayGo(it item, p *past) error {
	s, latest := a.shard, p.seq == a.w.Seq
	if latest && a.w.Run.Open() {
		return protocol.Errorf(protocol.CodeConflict, "workflow %q is running", a.id).
			WithHint("`millrace terminate %s` ends it", a.id)
	}
	if err := s.rows.settle(s.ctx, a.id); err != nil {
		return err
	}
	if a.w.Run.Copying() {
		return protocol.Errorf(protocol.CodeUnavailable, "workflow %q is being reset", a.id).WithHint("try again")
	}
	comes, err := a.comesAgain(it)
	if comes && err == nil {
		s.inbox.flush() // perhaps it was handled
		comes, err = a.comesAgain(it)
	}
	switch {
	case err != nil:
		return err
	case comes:
		return protocol.Errorf(protocol.CodeUnavailable, "something waits in the inbox of workflow %q", a.id).WithHint("try again")
	case !s.ledger.has(p.seq):
		return protocol.Errorf(protocol.CodeUnavailable, "what follows from the end of workflow %q is still being done", a.id).
			WithHint("try again")
	}
	return nil
}

// comesAgain reports whether the inbox has a message of the workflow, other than the one that asks for the removal.
func (a *actor) comesAgain(it item) (bool, error) {
	var first uint64
	err := a.shard.persist("look into the inbox", func(ctx context.Context) (err error) {
		first, err = a.shard.store.FirstInput(ctx, a.shard.id, a.id)
		return err
	})
	return first != 0 && first != it.input.Seq, err
}

// purge removes runs.
func (a *actor) purge(p *past) error {
	s := a.shard
	err := s.persist("remove runs", func(ctx context.Context) error {
		for name := range p.blobs {
			if err := s.store.KeepBlob(ctx, name, 0); err != nil {
				return err
			}
		}
		for run := range p.runs {
			if err := s.store.ForgetRun(ctx, a.id, run); err != nil {
				return err
			}
		}
		return s.store.Purge(ctx, s.id, a.id, p.seq)
	})
	if err == nil && p.seq == a.w.Seq {
		a.w, a.known = machine.New(a.id), true
	}
	return err
}
