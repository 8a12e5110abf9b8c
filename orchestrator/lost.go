package orchestrator

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ghostsFor is how long the search for rows without a history may take.
const ghostsFor = 5 * time.Minute

// suspect looks for inputs that speak of what has not happened: history has lost its end, though nothing else has told. The run passes
// each over.
func (a *actor) suspect(batch []item) {
	s := a.shard
	for _, it := range batch {
		if a.w.Ahead(it.input) {
			s.log.Error("ALARM: a workflow has lost the end of its history; it goes on from what is left", "workflow_id", a.id)
			return
		}
	}
}

// dropGhosts removes the rows of runs of which there is no history any more, among those that were stored since a moment.
func (s *shard) dropGhosts(since time.Time) {
	ctx, cancel := context.WithTimeout(s.chores, ghostsFor)
	defer cancel()
	for row, err := range s.store.RowsSince(ctx, since) {
		if err == nil && protocol.Shard(row.ID, s.store.Shards()) == s.id {
			err = s.dropGhost(ctx, row)
		}
		if err != nil {
			s.log.Warn("rows could not be compared with history; some may be of runs that are lost", "error", err)
			return
		}
	}
}

// dropGhost removes a row if its workflow has no history. A row follows its record, so it cannot be too early.
func (s *shard) dropGhost(ctx context.Context, row protocol.Row) error {
	last, err := s.store.Last(ctx, s.id, row.ID)
	if err != nil || last.Seq != 0 {
		return err
	}
	s.log.Error("ALARM: a run is lost", "workflow_id", row.ID, "run_id", row.Run)
	return s.store.ForgetRun(ctx, row.ID, row.Run)
}
