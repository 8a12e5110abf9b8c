package verdict

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// skew is how far the clocks of nodes and servers may be apart. On one machine they are the same.
const skew = 50 * time.Millisecond

// punctual judges that no timer fires before its time: by the clock of the node, and by that of the server which stored the record;
// nor by that of the client, who has waited.
func punctual(d *docket) (found findings) {
	d.each(func(h *History, r *Run) {
		due := map[int64]time.Time{}
		for _, e := range r.Events {
			switch a := e.Attributes.(type) {
			case protocol.TimerStarted:
				due[e.ID] = a.FireAt
			case protocol.TimerFired:
				at := due[a.StartedID]
				if early := at.Sub(e.Time); early > 0 {
					found.addf(Punctual, h.ID, r.ID, "timer %s fired %s early, by the clock of its node", a.TimerID, early)
				} else if early := at.Sub(e.Stored); early > skew {
					found.addf(Punctual, h.ID, r.ID, "timer %s fired %s early, by the clock of the server", a.TimerID, early)
				}
			}
		}
	})
	for _, c := range d.Calls {
		if c.Op == OpWait && c.Answer == Acked && c.Took() < c.Least {
			found.addf(Punctual, c.Workflow, c.Run, "the workflow took %s, and sleeps for %s", c.Took(), c.Least)
		}
	}
	return found
}
