package jetstream_test

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// An inbox that gave sequences out before does not give them out again, and whoever reads it finds nothing in their place.
func TestSkippedSequencesAreNotGivenOut(t *testing.T) {
	t.Parallel()
	w := start(t)
	tell(t, w.Store, "wf", "before", "before")
	must(t, w.SkipInputs(t.Context(), 0, 700))
	must(t, w.SkipInputs(t.Context(), 0, 3)) // nothing to do
	tell(t, w.Store, "wf", "after", "after")
	ch, _ := inputs(t, w.Store)
	for _, want := range []struct {
		name string
		seq  uint64
	}{{"before", 1}, {"after", 701}} {
		d := next(t, ch, want.name)
		if _, name := signal(t, d); name != want.name || d.Seq != want.seq {
			t.Errorf("%d is %s, want %d and %s", d.Seq, name, want.seq, want.name)
		}
	}
	tails, err := w.Tails(t.Context(), 0)
	must(t, err)
	if tails.Inbox != 701 {
		t.Errorf("the inbox ends at %d", tails.Inbox)
	}
	if short := (protocol.Tails{Inbox: 702, Timers: tails.Timers, Tasks: tails.Tasks + 1}).Short(tails); len(short) != 2 {
		t.Errorf("%v are short, want the inbox and the tasks", short)
	}
}
