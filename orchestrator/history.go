package orchestrator

import (
	"context"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// pageBytes is about how many bytes of events a page of history holds.
const pageBytes = 256 << 10

// history reads a page of a run's events. A page says where the next one begins, so that a history of any length is read once: looking
// for the place again with each page would cost the square of the length.
func (c control) history(ctx context.Context, r protocol.HistoryRequest) (protocol.HistoryPage, error) {
	if err := protocol.ValidateID("workflow ID", r.ID); err != nil {
		return protocol.HistoryPage{}, err
	}
	shard := protocol.Shard(r.ID, c.store.Shards())
	last, err := c.store.Last(ctx, shard, r.ID)
	if err != nil {
		return protocol.HistoryPage{}, err
	}
	if last.Seq == 0 {
		return protocol.HistoryPage{}, notFound(r.ID, r.Run)
	}
	p := &pager{run: r.Run, after: r.After}
	from := r.Cursor
	if from == 0 {
		latest, err := decodeRecord(r.ID, last)
		if err != nil {
			return protocol.HistoryPage{}, err
		}
		if from = 1; r.Run == "" || r.Run == latest.Run { // else it is an earlier run, somewhere before
			p.run, from = latest.Run, firstOf(latest, last.Seq)
		}
	}
	for e, err := range c.store.Range(ctx, shard, r.ID, from, last.Seq) {
		if err != nil {
			return protocol.HistoryPage{}, err
		}
		record, err := decodeRecord(r.ID, e)
		if err != nil {
			return protocol.HistoryPage{}, err
		}
		if !p.take(e.Seq, record) {
			break
		}
	}
	switch {
	case !p.found:
		return protocol.HistoryPage{}, notFound(r.ID, r.Run)
	case p.page.Cursor < last.Seq && !p.page.More && !p.over:
		return protocol.HistoryPage{}, protocol.Errorf(protocol.CodeUnavailable,
			"the history of workflow %q does not reach to its end yet", r.ID).
			WithHint("ask again")
	}
	return p.page, nil
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
	page  protocol.HistoryPage
	size  int
	found bool // a record of the run
	over  bool // the run's last record was read: another run's follows
}

// take adds a record's events, and reports whether there is room for another record.
func (p *pager) take(seq uint64, r *protocol.Record) bool {
	if r.Run != p.run {
		p.over = p.found
		return !p.found
	}
	p.found, p.page.Run, p.page.Cursor = true, r.Run, seq
	for _, e := range r.Events {
		if e.ID <= p.after {
			continue
		}
		if p.size += machine.Size(e); p.size > pageBytes && len(p.page.Events) > 0 {
			p.page.More = true
			return false
		}
		p.page.Events = append(p.page.Events, e)
	}
	return true
}
