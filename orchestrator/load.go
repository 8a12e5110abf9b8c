package orchestrator

import (
	"context"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// loadRun folds the workflow's latest run from history, and returns its last record as well. Without any history it
// returns an empty workflow and no record.
func loadRun(ctx context.Context, log Log, shard int, id string) (*machine.Workflow, *protocol.Record, error) {
	w := machine.New(id)
	var last *protocol.Record
	err := eachRecord(ctx, log, shard, id, func(e protocol.Entry, r *protocol.Record) error {
		last = r
		return w.Apply(e.Seq, protocol.Digest(e.Data), r)
	})
	return w, last, err
}

// eachRecord calls f for every record of the workflow's latest run. The last record is read from the stream's leader; the
// ones before it may come from a follower that lags, so it counts only if they reach up to that last one.
func eachRecord(ctx context.Context, log Log, shard int, id string, f func(protocol.Entry, *protocol.Record) error) error {
	last, err := log.Last(ctx, shard, id)
	if err != nil || last.Seq == 0 {
		return err
	}
	record, err := decodeRecord(id, last)
	if err != nil {
		return err
	}
	if record.First == 0 {
		return f(last, record)
	}
	reached := uint64(0)
	for e, err := range log.Range(ctx, shard, id, record.First, last.Seq) {
		if err != nil {
			return err
		}
		r, err := decodeRecord(id, e)
		if err != nil {
			return err
		}
		if err := f(e, r); err != nil {
			return err
		}
		reached = e.Seq
	}
	if reached != last.Seq {
		return lags(id, reached, last.Seq)
	}
	return nil
}

// lags says that a copy of a history does not have its end yet. Others have it, and it soon will.
func lags(id string, reached, last uint64) error {
	return protocol.Errorf(protocol.CodeUnavailable, "the history of workflow %q reaches to record %d, not %d yet", id, reached, last)
}

func decodeRecord(id string, e protocol.Entry) (*protocol.Record, error) {
	var r protocol.Record
	data, err := protocol.Unpack(e.Data)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeCorrupt, "workflow %q: the record at %d cannot be read: %v", id, e.Seq, err)
	}
	if err := protocol.Unmarshal(data, &r); err != nil {
		if perr := protocol.AsError(err); perr.Code == protocol.CodeUnsupported {
			return nil, perr
		}
		return nil, protocol.Errorf(protocol.CodeCorrupt, "workflow %q: the record at %d cannot be read: %v", id, e.Seq, err)
	}
	r.Size = len(data)
	return &r, nil
}

// loadEvents reads every event of a run up to and including the given one, if the run is the workflow's latest. An error of code conflict
// says that it is not.
func loadEvents(ctx context.Context, log Log, shard int, id, run string, upTo int64) ([]protocol.Event, error) {
	var events []protocol.Event
	err := eachRecord(ctx, log, shard, id, func(_ protocol.Entry, r *protocol.Record) error {
		if r.Run != run {
			return protocol.Errorf(protocol.CodeConflict, "workflow %q has another run by now", id)
		}
		for _, e := range r.Events {
			if e.ID <= upTo {
				events = append(events, e)
			}
		}
		return nil
	})
	return events, err
}

// runView is a run as somebody who only reads sees it.
type runView struct {
	workflow *machine.Workflow
	events   []protocol.Event
}

// readRun folds one run of a workflow: the latest when run is empty.
func readRun(ctx context.Context, log Log, shard int, id, run string) (*runView, error) {
	v, err := readLatest(ctx, log, shard, id)
	if err != nil || run == "" || v.workflow.Run != nil && v.workflow.Run.ID() == run {
		if err == nil && v.workflow.Run == nil {
			err = notFound(id, run)
		}
		return v, err
	}
	// An earlier run: its records lie somewhere before, among those of other runs.
	last := v.workflow.Seq
	v = &runView{workflow: machine.New(id)}
	reached := uint64(0)
	for e, err := range log.Range(ctx, shard, id, 1, last) {
		if err != nil {
			return nil, err
		}
		r, err := decodeRecord(id, e)
		if err != nil {
			return nil, err
		}
		reached = e.Seq
		if r.Run != run {
			continue
		}
		if err := v.add(e, r); err != nil {
			return nil, err
		}
	}
	if reached != last {
		return nil, lags(id, reached, last)
	}
	if v.workflow.Run == nil {
		return nil, notFound(id, run)
	}
	return v, nil
}

func readLatest(ctx context.Context, log Log, shard int, id string) (*runView, error) {
	v := &runView{workflow: machine.New(id)}
	err := eachRecord(ctx, log, shard, id, v.add)
	return v, err
}

func (v *runView) add(e protocol.Entry, r *protocol.Record) error {
	v.events = append(v.events, r.Events...)
	return v.workflow.Apply(e.Seq, protocol.Digest(e.Data), r)
}

func notFound(id, run string) error {
	if run != "" {
		return protocol.Errorf(protocol.CodeNotFound, "workflow %q has no run %.80s", id, run).
			WithHint("leave the run ID out to see the latest run")
	}
	return protocol.Errorf(protocol.CodeNotFound, "there is no workflow %q", id).
		WithHint("`millrace list` shows what there is")
}
