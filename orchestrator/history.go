package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/millrace-dev/millrace/protocol"
)

// pageBytes is the most bytes of events that a page of history holds, if a message can hold twice as much.
const pageBytes = 2 << 20

// history reads a page of a run's events. A page says where the next one begins, so that a history of any length is read once: looking
// for the place again with each page would cost the square of the length.
func (c control) history(ctx context.Context, r protocol.HistoryRequest) (historyPage, error) {
	if err := protocol.ValidateID("workflow ID", r.ID); err != nil {
		return historyPage{}, err
	}
	shard := protocol.Shard(r.ID, c.store.Shards())
	last, err := c.store.Last(ctx, shard, r.ID)
	if err != nil {
		return historyPage{}, err
	}
	if last.Seq == 0 {
		return historyPage{}, notFound(r.ID, r.Run)
	}
	from, run := r.Cursor, r.Run
	if from == 0 {
		latest, err := decodeRecord(r.ID, last)
		if err != nil {
			return historyPage{}, err
		}
		if from = 1; r.Run == "" || r.Run == latest.Run { // else it is an earlier run, somewhere before
			run, from = latest.Run, firstOf(latest, last.Seq)
		}
	}
	var p *pager
	err = fromWhole(ctx, c.store, shard, func(log Log) error {
		p = &pager{run: run, after: r.After, room: min(pageBytes, c.store.MaxMessage()/2)}
		p.page.Events = []json.RawMessage{}
		return eachEntry(ctx, log, shard, r.ID, from, last.Seq, func(e protocol.Entry) (more bool, err error) {
			var record rawRecord
			if _, err := unpackRecord(r.ID, e, &record); err != nil {
				return false, err
			}
			return p.take(e.Seq, &record)
		})
	})
	if err == nil && !p.found {
		err = notFound(r.ID, r.Run)
	}
	if err != nil {
		return historyPage{}, err
	}
	return p.page, nil
}

// historyOf reads a page of the history of a queue's run, for a worker of the queue: the latest run of a workflow, because workers take
// steps of no other.
func (c control) historyOf(ctx context.Context, queue string, data []byte) (out any, err error) {
	err = guarded(c.log, "the endpoint history of a queue", func() error {
		var r protocol.HistoryRequest
		if err := protocol.UnmarshalRequest(data, &r); err != nil {
			return err
		}
		if err := c.belongs(ctx, queue, r.ID, r.Run); err != nil {
			return err
		}
		out, err = c.history(ctx, r)
		return err
	})
	return out, err
}

// belongs reports by its error whether the latest run of a workflow is this one, and a queue's.
func (c control) belongs(ctx context.Context, queue, id, run string) error {
	if err := protocol.ValidateID("workflow ID", id); err != nil {
		return err
	}
	shard := protocol.Shard(id, c.store.Shards())
	last, err := c.store.Last(ctx, shard, id)
	if err != nil || last.Seq == 0 {
		return cmp.Or(err, notFound(id, run))
	}
	latest, err := decodeRecord(id, last)
	if err != nil || latest.Run != run {
		return cmp.Or(err, notFound(id, run))
	}
	first := firstOf(latest, last.Seq)
	for e, err := range c.store.Range(ctx, shard, id, first, first) {
		if err != nil {
			return err
		}
		r, err := decodeRecord(id, e)
		if err != nil {
			return err
		}
		if started, ok := r.Events[0].Attributes.(protocol.WorkflowExecutionStarted); ok && started.Queue == queue {
			return nil
		}
	}
	return notFound(id, run)
}

// firstOf is the sequence of the first record of a record's run.
func firstOf(r *protocol.Record, seq uint64) uint64 {
	if r.First == 0 {
		return seq
	}
	return r.First
}

// pager fills a page.
type pager struct {
	run   string
	after int64
	page  historyPage
	size  int
	room  int   // bytes
	found bool  // a record of the run
	next  int64 // the event that the next record begins with; zero when that is not known
}

// historyPage is a [protocol.HistoryPage] whose events are passed on as they are stored: reading them would take most of the time.
type historyPage struct {
	Run    string            `json:"run_id"`
	Events []json.RawMessage `json:"events"`
	More   bool              `json:"more,omitzero"`
	Cursor uint64            `json:"cursor,omitzero"`
}

// rawRecord is what a page needs of a [protocol.Record].
type rawRecord struct {
	Run    string            `json:"run_id"`
	Events []json.RawMessage `json:"events"`
}

// take adds a record's events, and reports whether there is room for another record.
func (p *pager) take(seq uint64, r *rawRecord) (more bool, err error) {
	if r.Run != p.run {
		return !p.found, nil
	}
	var first struct {
		ID int64 `json:"id"`
	}
	if len(r.Events) == 0 {
		return true, nil
	}
	if err := protocol.Unmarshal(r.Events[0], &first); err != nil {
		return false, protocol.Errorf(protocol.CodeCorrupt, "run %s: the record at %d cannot be read: %v", p.run, seq, err)
	}
	if p.next != 0 && p.next != first.ID {
		return false, protocol.Errorf(protocol.CodeCorrupt, "run %s has no event %d before the record at %d", p.run, p.next, seq)
	}
	p.next = first.ID + int64(len(r.Events))
	p.found, p.page.Run, p.page.Cursor = true, r.Run, seq
	for i, e := range r.Events { // their IDs are dense
		if first.ID+int64(i) <= p.after {
			continue
		}
		if p.size += len(e); p.size > p.room && len(p.page.Events) > 0 {
			p.page.More = true
			return false, nil
		}
		p.page.Events = append(p.page.Events, e)
	}
	return true, nil
}
