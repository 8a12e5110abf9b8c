package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"iter"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// loadRun folds the workflow's latest run from history, and returns its last record as well. Without any history it
// returns an empty workflow and no record.
func loadRun(ctx context.Context, log Log, shard int, id string) (w *machine.Workflow, last *protocol.Record, err error) {
	err = fromWhole(ctx, log, shard, func(log Log) error {
		w, last = machine.New(id), nil
		return eachRecord(ctx, log, shard, id, func(e protocol.Entry, r *protocol.Record) error {
			last = r
			return w.Apply(e.Seq, protocol.Digest(e.Data), r)
		})
	})
	return w, last, err
}

// leaderLog is a log that is read from the stream's leader only.
type leaderLog struct{ Log }

// Range implements [Log].
func (l leaderLog) Range(ctx context.Context, shard int, id string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return l.LeaderRange(ctx, shard, id, from, to)
}

// fromWhole calls read, and again if the history does not hold together that it finds: a copy of the stream may have lost something that
// others have, its leader's included. Only if none is whole is the history damaged.
func fromWhole(ctx context.Context, log Log, shard int, read func(Log) error) error {
	err := read(log)
	if !errors.Is(err, protocol.ErrCorrupt) {
		return err
	}
	failed := log.EachCopy(ctx, shard, func() (whole bool, failed error) {
		if err = read(leaderLog{log}); errors.Is(err, protocol.ErrCorrupt) {
			return false, nil
		}
		return err == nil, err
	})
	return cmp.Or(failed, err)
}

// eachRecord calls f for every record of the workflow's latest run. The last record is read from the stream's leader.
func eachRecord(ctx context.Context, log Log, shard int, id string, f func(protocol.Entry, *protocol.Record) error) error {
	last, record, err := lastRecord(ctx, log, shard, id)
	if err != nil || record == nil {
		return err
	}
	return eachUpTo(ctx, log, shard, id, firstOf(record, last.Seq), last, record, f)
}

// lastRecord is the workflow's last record, read from the stream's leader; nil when there is none.
func lastRecord(ctx context.Context, log Log, shard int, id string) (last protocol.Entry, record *protocol.Record, err error) {
	if last, err = log.Last(ctx, shard, id); err != nil || last.Seq == 0 {
		return last, nil, err
	}
	record, err = decodeRecord(id, last)
	return last, record, err
}

// eachUpTo calls f for every record of the workflow from one to the last, which is not read again if it is the only one.
func eachUpTo(
	ctx context.Context, log Log, shard int, id string, first uint64, last protocol.Entry, record *protocol.Record,
	f func(protocol.Entry, *protocol.Record) error,
) error {
	if first == last.Seq {
		return f(last, record)
	}
	return eachBetween(ctx, log, shard, id, first, last.Seq, f)
}

// eachBetween calls f for every record of the workflow between two, both included.
func eachBetween(
	ctx context.Context, log Log, shard int, id string, first, last uint64, f func(protocol.Entry, *protocol.Record) error,
) error {
	return eachEntry(ctx, log, shard, id, first, last, func(e protocol.Entry) (more bool, err error) {
		r, err := decodeRecord(id, e)
		if err != nil {
			return false, err
		}
		return true, f(e, r)
	})
}

// eachEntry calls f for every record of the workflow between two, both included, as long as it wants more. They are read from whichever
// copy of the stream answers, and what that does not have, because it lags, from the leader: it counts only if they reach to the last one.
func eachEntry(
	ctx context.Context, log Log, shard int, id string, first, last uint64, f func(protocol.Entry) (more bool, err error),
) error {
	next := first
	for _, read := range []func(context.Context, int, string, uint64, uint64) iter.Seq2[protocol.Entry, error]{
		log.Range, log.LeaderRange,
	} {
		for e, err := range read(ctx, shard, id, next, last) {
			if err != nil {
				return err
			}
			if more, err := f(e); !more || err != nil {
				return err
			}
			next = e.Seq + 1
		}
		if next > last {
			return nil
		}
	}
	return protocol.Errorf(protocol.CodeUnavailable, "the history of workflow %q reaches to record %d, not %d yet", id, next-1, last)
}

func decodeRecord(id string, e protocol.Entry) (*protocol.Record, error) {
	var r protocol.Record
	size, err := unpackRecord(id, e, &r)
	if err != nil {
		return nil, err
	}
	r.Size = size
	return &r, nil
}

// unpackRecord reads a record, or what somebody needs of one, and returns its length as JSON.
func unpackRecord(id string, e protocol.Entry, into any) (size int, err error) {
	data, err := protocol.Unpack(e.Data)
	if err == nil {
		err = protocol.Unmarshal(data, into)
		if perr := protocol.AsError(err); err != nil && perr.Code == protocol.CodeUnsupported {
			return 0, perr
		}
	}
	if err != nil {
		return 0, protocol.Errorf(protocol.CodeCorrupt, "workflow %q: the record at %d cannot be read: %v", id, e.Seq, err)
	}
	return len(data), nil
}

// loadEvents reads every event of a run up to and including the given one, if the run is the workflow's latest. An error of code conflict
// says that it is not.
func loadEvents(ctx context.Context, log Log, shard int, id, run string, upTo int64) ([]protocol.Event, error) {
	var events []protocol.Event
	err := fromWhole(ctx, log, shard, func(log Log) error {
		events = nil
		return eachRecord(ctx, log, shard, id, func(_ protocol.Entry, r *protocol.Record) error {
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
	})
	return events, err
}

// runView is a run as somebody who only reads sees it.
type runView struct {
	workflow *machine.Workflow
	events   []protocol.Event
}

// readRun folds one run of a workflow: the latest when run is empty.
func readRun(ctx context.Context, log Log, shard int, id, run string) (v *runView, err error) {
	err = fromWhole(ctx, log, shard, func(log Log) (err error) {
		v, err = tryRun(ctx, log, shard, id, run)
		return err
	})
	return v, err
}

func tryRun(ctx context.Context, log Log, shard int, id, run string) (*runView, error) {
	last, latest, err := lastRecord(ctx, log, shard, id)
	if err != nil {
		return nil, err
	}
	if latest == nil {
		return nil, notFound(id, run)
	}
	// The records of an earlier run lie somewhere before, among those of other runs.
	first := uint64(1)
	if run == "" || run == latest.Run {
		run, first = latest.Run, firstOf(latest, last.Seq)
	}
	v := &runView{workflow: machine.New(id)}
	err = eachUpTo(ctx, log, shard, id, first, last, latest, func(e protocol.Entry, r *protocol.Record) error {
		if r.Run != run {
			return nil
		}
		return v.add(e, r)
	})
	switch {
	case err != nil:
	case v.workflow.Run == nil:
		err = notFound(id, run)
	case v.workflow.Run.Open() && run != latest.Run:
		err = protocol.Errorf(protocol.CodeCorrupt, "workflow %q: the end of run %s is missing, and another run follows", id, run)
	}
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
