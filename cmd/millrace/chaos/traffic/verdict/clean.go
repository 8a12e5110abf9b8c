package verdict

import (
	"fmt"
	"maps"
	"slices"
)

// clean judges that nothing is left of what is done.
func clean(d *docket) (found findings) {
	for _, l := range d.Left {
		seen := l.What + " " + l.Subject
		if l.Count > 1 {
			seen = fmt.Sprintf("%d times %s", l.Count, seen)
		}
		found = append(found, Violation{Invariant: Clean, Workflow: l.Workflow, Seen: seen + " is left", Look: l.Look})
	}
	return found
}

// listed judges that each run has a row, which says how it ended.
func listed(d *docket) (found findings) {
	d.each(func(h *History, r *Run) {
		row, ok := d.Rows[r.ID]
		switch {
		case !ok:
			found.addf(Listed, h.ID, r.ID, "the run has no row")
		case row.Status != r.Status:
			found.addf(Listed, h.ID, r.ID, "the run is %s, and its row says %s", r.Status, row.Status)
		}
	})
	return found
}

// filed judges that what runs refer to is in the object store, and stays there.
func filed(d *docket) (found findings) {
	d.each(func(h *History, r *Run) {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(r.Blobs))) {
			look := "millrace blob ls"
			switch {
			case !d.Files[name]:
				found = append(found, Violation{Kept, h.ID, r.ID, "file " + name + " is missing, or not what was stored", look})
			case d.Doomed[name]:
				found = append(found, Violation{Kept, h.ID, r.ID, "file " + name + " would be collected", look})
			}
		}
	})
	return append(found, d.unexplained()...)
}

// unexplained are the objects that nothing refers to and that nobody is known to have stored.
func (d *docket) unexplained() (found findings) {
	known := map[string]bool{}
	for _, n := range d.Notes {
		known["sha256-"+n.Digest] = true
	}
	for _, name := range slices.Sorted(maps.Keys(d.Doomed)) {
		if !known[name] {
			found = append(found, Violation{Invariant: Clean, Seen: "file " + name + " is left", Look: "millrace blob ls"})
		}
	}
	return found
}
