package verdict

import (
	"cmp"
	"fmt"
)

// Invariant is a promise of the engine.
type Invariant string

// The promises that are judged.
const (
	Ended    Invariant = "ended"    // every run that was started has ended
	Kept     Invariant = "kept"     // nothing that was acknowledged is lost
	Once     Invariant = "once"     // what is done once is recorded once, and as whoever did it says
	Chained  Invariant = "chained"  // each record follows the one before it, and the state machine can read all of them
	Legal    Invariant = "legal"    // each event may follow those before it
	Ordered  Invariant = "ordered"  // the signals of a sender arrive in its order
	Single   Invariant = "single"   // a workflow ID has at most one open run
	Punctual Invariant = "punctual" // no timer fires early
	Related  Invariant = "related"  // parents and children say the same of each other
	Clean    Invariant = "clean"    // nothing is left of what is done
	Listed   Invariant = "listed"   // the row of a run says what its history says
	Linear   Invariant = "linear"   // what clients saw has an order in which it makes sense
)

// Violation is a promise that was broken.
type Violation struct {
	Invariant Invariant `json:"invariant"`
	Workflow  string    `json:"workflow_id,omitempty"`
	Run       string    `json:"run_id,omitempty"`
	// Seen is what was seen.
	Seen string `json:"seen"`
	// Look says where to look further.
	Look string `json:"look,omitempty"`
}

// String tells the violation in a sentence.
func (v Violation) String() string {
	s := string(v.Invariant) + ": "
	if v.Workflow != "" {
		s += v.Workflow + ": "
	}
	s += v.Seen
	if v.Look != "" {
		s += " (" + v.Look + ")"
	}
	return s
}

// findings collects the violations that a judge finds.
type findings []Violation

// addf adds a violation by a run, or by a workflow whose run does not matter.
func (f *findings) addf(i Invariant, workflow, run, format string, args ...any) {
	look := "millrace show " + workflow
	if run != "" {
		look += " --run-id " + run
	}
	*f = append(*f, Violation{Invariant: i, Workflow: workflow, Run: run, Seen: fmt.Sprintf(format, args...), Look: look})
}

// compare orders violations for readers.
func compare(a, b Violation) int {
	return cmp.Or(cmp.Compare(a.Invariant, b.Invariant), cmp.Compare(a.Workflow, b.Workflow), cmp.Compare(a.Seen, b.Seen))
}
