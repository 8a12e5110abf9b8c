package verdict

import (
	"maps"
	"slices"
)

// ended judges that every run which was started has ended.
func ended(d *docket) (found findings) {
	for _, id := range slices.Sorted(maps.Keys(d.histories)) {
		for i, r := range d.histories[id].Runs {
			follows := i+1 < len(d.histories[id].Runs)
			switch {
			case !r.Status.Closed() && !follows:
				found.addf(Ended, id, r.ID, "the run is open after %d events", len(r.Events))
			case r.Next != "" && (!follows || d.histories[id].Runs[i+1].ID != r.Next):
				found.addf(Ended, id, r.ID, "the run is to be followed by %s, and is not", r.Next)
			}
		}
	}
	return found
}
