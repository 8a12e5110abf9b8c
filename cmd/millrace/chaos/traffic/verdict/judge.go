package verdict

import (
	"maps"
	"slices"
)

// docket is the evidence, read.
type docket struct {
	*Evidence

	histories map[string]*History
	runs      map[string]*Run   // by run ID
	workflows map[string]string // of runs, by run ID
}

// judges are all that look at the whole.
var judges = []func(*docket) findings{ended, kept, once, legal, ordered, punctual, related, clean, listed, filed}

// Judge returns every violation that the evidence shows, in an order for readers. undecided are the workflow IDs whose clients' histories
// took too long to find an order for.
func Judge(e *Evidence) (violations []Violation, undecided []string) {
	d := &docket{Evidence: e, histories: map[string]*History{}, runs: map[string]*Run{}, workflows: map[string]string{}}
	var all findings
	for _, id := range slices.Sorted(maps.Keys(e.Records)) {
		h, found := read(id, e.Records[id])
		all = append(all, found...)
		d.histories[id] = h
		for _, r := range h.Runs {
			d.runs[r.ID], d.workflows[r.ID] = r, id
		}
	}
	for _, judge := range judges {
		all = append(all, judge(d)...)
	}
	found, undecided := linear(d)
	all = append(all, found...)
	slices.SortStableFunc(all, compare)
	return all, undecided
}

// each calls f for every run.
func (d *docket) each(f func(h *History, r *Run)) {
	for _, id := range slices.Sorted(maps.Keys(d.histories)) {
		for _, r := range d.histories[id].Runs {
			f(d.histories[id], r)
		}
	}
}

// end is the last run of a chain, if it is there and has ended.
func (d *docket) end(run string) *Run {
	r := d.runs[run]
	for r != nil && r.Next != "" {
		r = d.runs[r.Next]
	}
	if r == nil || !r.Status.Closed() {
		return nil
	}
	return r
}
