package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// choresEvery is how often a shard's owner looks for runs whose time is over, and choresFirst when it does so first.
	choresEvery = time.Hour
	choresFirst = time.Minute
	// expireAtOnce is how many workflows are looked up before the ones among them that can go are removed.
	expireAtOnce = 1000
)

// errNotRemoved says that a run stays because its workflow cannot be read.
var errNotRemoved = errors.New("the run was not removed")

// doChores does what nobody waits for, and has it done again later. What is not finished is found by the next look.
func (s *shard) doChores() {
	keep, err := s.store.Retention(s.chores)
	if err == nil && keep > 0 {
		var n int
		n, err = s.expire(s.chores, s.time.now().Add(-keep))
		if n > 0 {
			s.log.Info("removed runs whose retention is over", "workflows", n)
		}
	}
	if err == nil && s.id == 0 {
		err = s.collect()
	}
	if err != nil && s.chores.Err() == nil {
		s.log.Warn("could not look for what is not needed any more; trying again", "in", choresEvery, "error", err)
	}
	s.after(choresEvery, s.doChores)
}

// collect deletes the blobs of the namespace that nothing needs. The owner of the first shard does it for all.
func (s *shard) collect() error {
	done, err := Collector{Blobs: s.store}.Run(s.chores)
	if done.Deleted+done.Uploads > 0 {
		s.log.Info("collected blobs", "blobs", done.Deleted, "bytes", done.Bytes, "uploads", done.Uploads)
	}
	return err
}

// expire removes the runs that ended before a moment, one after the other, and reports of how many workflows. It looks at the records
// that were written before: those of runs that it removes, and of runs that last longer.
func (s *shard) expire(ctx context.Context, before time.Time) (removed int, err error) {
	for from := uint64(1); from > 0; {
		var old []protocol.OldRecord
		if old, from, err = s.old(ctx, from, before); err != nil {
			return removed, err
		}
		for _, r := range old {
			began := time.Now()
			run, err := s.expired(ctx, r, before)
			if err == nil && run != "" {
				err = s.removeRun(ctx, r.Workflow, run)
			}
			switch {
			case ctx.Err() != nil:
				return removed, ctx.Err()
			case err != nil:
				s.log.Debug("a run stays beyond its retention for now", "workflow_id", r.Workflow, "run_id", run, "error", err)
			case run != "":
				removed++
				rest(ctx, time.Since(began))
			}
		}
	}
	return removed, nil
}

// rest waits as long as the last removal took: others want the disk as well.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// old lists some workflows with the first of their records from a sequence on, and where to go on; 0 when there are no more.
func (s *shard) old(ctx context.Context, from uint64, before time.Time) (found []protocol.OldRecord, next uint64, err error) {
	seen := make(map[string]struct{})
	for r, err := range s.store.Old(ctx, s.id, from, before) {
		if err != nil {
			return nil, 0, err
		}
		if _, again := seen[r.Workflow]; again {
			continue
		}
		if len(found) == expireAtOnce {
			return found, r.Seq, nil
		}
		seen[r.Workflow] = struct{}{}
		found = append(found, r)
	}
	return found, 0, nil
}

// expired is the last run of a workflow that ended before a moment, given the workflow's first record; empty when there is none.
func (s *shard) expired(ctx context.Context, first protocol.OldRecord, before time.Time) (run string, err error) {
	last, err := s.store.Last(ctx, s.id, first.Workflow)
	if err != nil || last.Seq == 0 {
		return "", err
	}
	record, err := decodeRecord(first.Workflow, last)
	if err != nil {
		return "", err
	}
	if last.Time.Before(before) && protocol.StatusAfter(record.Events[len(record.Events)-1].Attributes).Closed() {
		return record.Run, nil
	}
	latest := firstOf(record, last.Seq)
	if first.Seq >= latest {
		return "", nil
	}
	return s.expiredEarlier(ctx, first.Workflow, latest-1, before)
}

// expiredEarlier is the last run that ended before a moment, among those that lie before the latest.
func (s *shard) expiredEarlier(ctx context.Context, workflow string, upTo uint64, before time.Time) (expired string, err error) {
	current := ""
	for e, err := range s.store.Range(ctx, s.id, workflow, 1, upTo) {
		if err != nil {
			return "", err
		}
		run, _ := readPast(e)
		if run != current {
			expired, current = current, run
		}
		if !e.Time.Before(before) {
			return expired, nil
		}
	}
	return current, nil
}

// removeRun has a workflow's actor remove a run and those before it.
func (s *shard) removeRun(ctx context.Context, workflow, run string) error {
	heard := make(chan error, 2)
	s.route(item{
		input:   protocol.Input{Time: s.time.now(), Workflow: workflow, Body: protocol.DeleteInput{Run: run}},
		removed: func(err error) { heard <- err },
		done:    func() { heard <- errNotRemoved },
	})
	select {
	case err := <-heard:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
