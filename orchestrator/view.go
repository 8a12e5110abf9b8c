package orchestrator

import (
	"context"
	"sync"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// maxViews is how many workflows the control API keeps in memory for those who ask again and again.
const maxViews = 256

// views are workflows as the control API has read them last. Whoever waits for a result asks now and then, and a thousand of them would
// read a history of a thousand events a thousand times; so each workflow is read once, and from then on only what is new. What a view
// says is never old: it is compared with the last record, which is read from the stream's leader.
type views struct {
	mu   sync.Mutex
	runs map[string]*view
}

// view is a workflow's latest run. Nobody reads it while another one brings it up to date.
type view struct {
	mu sync.Mutex
	w  *machine.Workflow
}

func newViews() *views { return &views{runs: make(map[string]*view)} }

// of finds the view of a workflow. When there are too many, any other one is dropped: it is only read once more.
func (v *views) of(id string) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, ok := v.runs[id]
	if !ok {
		found = &view{}
		v.runs[id] = found
	}
	for other := range v.runs {
		if len(v.runs) > maxViews && other != id {
			delete(v.runs, other)
		}
	}
	return found
}

// see calls look with the workflow as it is now. look must not keep it.
func (v *views) see(ctx context.Context, log Log, shard int, id string, look func(*machine.Workflow)) error {
	found := v.of(id)
	found.mu.Lock()
	defer found.mu.Unlock()
	last, err := log.Last(ctx, shard, id)
	if err != nil {
		return err
	}
	if found.w == nil || found.w.Seq > last.Seq || found.follow(ctx, log, shard, last.Seq) != nil {
		found.w = nil // read it from the beginning: half a step must not be seen
		if found.w, _, err = loadRun(ctx, log, shard, id); err != nil {
			found.w = nil
			return err
		}
	}
	look(found.w)
	return nil
}

// follow folds the records that are new.
func (v *view) follow(ctx context.Context, log Log, shard int, last uint64) error {
	if v.w.Seq == last {
		return nil
	}
	return eachBetween(ctx, log, shard, v.w.ID, v.w.Seq+1, last, func(e protocol.Entry, r *protocol.Record) error {
		return v.w.Apply(e.Seq, protocol.Digest(e.Data), r)
	})
}
