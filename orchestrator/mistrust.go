package orchestrator

import (
	"context"
	"strconv"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A history that has lost its end is decided anew from there, and what followed from the lost records may still be there: a task, a question
// to another workflow, its answer. Taken for themselves they do no harm: what a run does not know of, it passes over. But streams remember
// message IDs for a while, and what is decided anew has the same ones, because they are made of the run and the event. It would pass for
// what was told before, and nobody would hear of it. So for as long as a stream remembers, a shard that has seen such a loss tells other
// workflows under other message IDs, and numbers first attempts otherwise; they are recognised by what they ask for all the same.

// mistrustFor is longer than any stream of the engine remembers message IDs.
const mistrustFor = 3 * time.Minute

// mistrust begins, or prolongs, that time.
func (s *shard) mistrust() {
	number := time.Now().Unix() % 1e8
	s.doubt.Store(&doubt{until: time.Now().Add(mistrustFor), number: int(number)})
}

// doubt says until when a shard does not trust message IDs, and what makes its own other ones.
type doubt struct {
	until  time.Time
	number int
}

// doubts returns what makes message IDs other ones; zero when nothing needs to.
func (s *shard) doubts() int {
	if d := s.doubt.Load(); d != nil && time.Now().Before(d.until) {
		return d.number
	}
	return 0
}

// tellAs is the message ID under which another workflow is told something.
func (s *shard) tellAs(id string) string {
	if n := s.doubts(); n != 0 {
		return id + protocol.DoubtMark + strconv.Itoa(n)
	}
	return id
}

// renumber has first attempts of a step that was just decided be none that there ever was. They go to the queue: whoever is handed an attempt
// is asked for it by a number that the history tells.
func (s *shard) renumber(tasks []protocol.ActivityTask) {
	n := s.doubts()
	if n == 0 {
		return
	}
	for i := range tasks {
		if t := &tasks[i]; t.Attempt == 1 && t.Forgiven == 0 {
			t.Forgiven, t.HandedTo = n, ""
		}
	}
}

// suspect looks for inputs that speak of what has not happened: history has lost its end, though nothing else has told. Each is passed over.
func (a *actor) suspect(batch []item) {
	s := a.shard
	for _, it := range batch {
		if a.w.Ahead(it.input) {
			s.log.Error("ALARM: a workflow has lost the end of its history; it goes on from what is left", "workflow_id", a.id)
			s.mistrust()
			return
		}
	}
}

// dropGhosts removes the rows of runs of which there is no history any more.
func (s *shard) dropGhosts() {
	ctx, cancel := context.WithTimeout(s.chores, mistrustFor)
	defer cancel()
	var rows []protocol.Row
	for row, err := range s.store.Rows(ctx) {
		if err != nil {
			s.log.Warn("rows could not be read; some may be of runs that are lost", "error", err)
			return
		}
		if protocol.Shard(row.ID, s.store.Shards()) == s.id {
			rows = append(rows, row)
		}
	}
	there := map[string]bool{} // read after the rows: a row follows its record
	for r, err := range s.store.Old(ctx, s.id, 1, time.Now().Add(mistrustFor)) {
		if err != nil {
			s.log.Warn("history could not be read; some rows may be of runs that are lost", "error", err)
			return
		}
		there[protocol.RowKey(r.Workflow, r.Run)] = true
	}
	for _, row := range rows {
		if there[protocol.RowKey(row.ID, row.Run)] {
			continue
		}
		s.log.Error("a run is lost", "workflow_id", row.ID, "run_id", row.Run)
		if err := s.store.ForgetRun(ctx, row.ID, row.Run); err != nil {
			s.log.Warn("the row of a lost run could not be removed", "workflow_id", row.ID, "error", err)
		}
	}
}
