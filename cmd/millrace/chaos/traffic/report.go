package traffic

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/protocol"
)

// Violation is a promise that was broken.
type Violation = verdict.Violation

// Report is what a load has done, and what its clients heard. Times are since it began, by the clients' monotonic clock.
type Report struct {
	// Prefix begins the ID of every workflow of the load.
	Prefix    string             `json:"prefix"`
	Namespace protocol.Namespace `json:"namespace"`
	Queue     string             `json:"queue"`
	Seed      uint64             `json:"seed"`
	LedgerDir string             `json:"ledger"`
	// Shards is how many the namespace has.
	Shards int           `json:"shards"`
	Began  time.Time     `json:"began"`
	Took   time.Duration `json:"took"`
	// Ran are the scripts that were played, and Calls what clients asked for, in the order in which they ended.
	Ran   []Ran          `json:"ran"`
	Calls []verdict.Call `json:"calls"`
	// Undecided are the workflows of which [Check] did not find out in time whether what their clients saw makes sense.
	Undecided []string `json:"undecided,omitempty"`
}

// Ran is a script that was played to its end.
type Ran struct {
	Script   string        `json:"script"`
	Workflow string        `json:"workflow_id"`
	Shard    int           `json:"shard"`
	Began    time.Duration `json:"began"`
	Ended    time.Duration `json:"ended"`
}

// At is a moment as the report counts.
func (r *Report) At(t time.Time) time.Duration { return t.Sub(r.Began) }

// Quantile is how long calls took that ended between two moments: 0.5 for the median, 0.99 for all but one of a hundred. Zero if there were
// none. Calls that wait for a result take as long as their workflow, and are not among them.
func (r *Report) Quantile(q float64, from, to time.Duration) time.Duration {
	var took []time.Duration
	for _, c := range r.Calls {
		if c.Op != verdict.OpWait && c.Ended >= from && c.Ended < to {
			took = append(took, c.Took())
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(q*float64(len(took))))]
}

// Progress is when a shard first did something after a moment for a call that was made later than that: how long it was away. ok is false
// if it never did, or nobody asked.
func (r *Report) Progress(shard int, after time.Duration) (at time.Duration, ok bool) {
	for _, c := range r.Calls {
		if c.Shard == shard && c.Op != verdict.OpWait && c.Op != verdict.OpQuery && c.Answer == verdict.Acked && c.Begun >= after &&
			(!ok || c.Ended < at) {
			at, ok = c.Ended, true
		}
	}
	return at, ok
}

// Redelivered is when each activity that a worker had in hand at a moment was begun again by another: the gaps, in no order. Those that no
// other worker took are passed over.
func Redelivered(notes []verdict.Note, worker string, at time.Time) []time.Duration {
	type activity struct{ run, id string }
	open := map[activity]bool{}
	var gaps []time.Duration
	for _, n := range notes {
		a := activity{n.Run, n.Activity}
		switch {
		case n.Worker == worker && !n.Time.After(at):
			open[a] = n.Kind == verdict.Began
		case n.Kind == verdict.Began && open[a] && n.Worker != worker:
			if n.Time.After(at) { // otherwise it had lost it before
				gaps = append(gaps, n.Time.Sub(at))
			}
			delete(open, a)
		}
	}
	return gaps
}
