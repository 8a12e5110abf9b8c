package jetstream_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A purge takes what was judged and nothing that came later, and whoever expected what is gone is refused.
func TestPurgeLeavesWhatCameLater(t *testing.T) {
	t.Parallel()
	w := start(t)
	first := write(t, w.Store, "wf", "first", 0)
	second := write(t, w.Store, "wf", "second", first)
	other := write(t, w.Store, "other", "other", 0)
	must(t, w.Purge(t.Context(), 0, "wf", first))
	if got, want := fmt.Sprint(bodies(t, w.Store, "wf", 1, second)), "[second]"; got != want {
		t.Errorf("history holds %s, want %s", got, want)
	}
	third := write(t, w.Store, "wf", "third", second)
	must(t, w.Purge(t.Context(), 0, "wf", third))
	_, err := w.Append(t.Context(), 0, record("wf", "late"), []byte("late"), third)
	wantCode(t, err, protocol.CodeConflict)
	write(t, w.Store, "wf", "anew", 0)
	if got, want := fmt.Sprint(bodies(t, w.Store, "other", 1, other)), "[other]"; got != want {
		t.Errorf("the other history holds %s, want %s", got, want)
	}
}

// The records from a sequence on that were stored before a moment are listed, in order.
func TestOld(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := write(t, w.Store, "a", "1", 0)
	b := write(t, w.Store, "b", "2", 0)
	last, err := w.Last(t.Context(), 0, "b")
	must(t, err)
	write(t, w.Store, "a", "3", a)
	list := func(from uint64, before time.Time) string {
		var got strings.Builder
		for r, err := range w.Old(t.Context(), 0, from, before) {
			must(t, err)
			fmt.Fprintf(&got, "%s/%s@%d ", r.Workflow, r.Run, r.Seq)
		}
		return got.String()
	}
	if got, want := list(1, time.Now().Add(time.Hour)), "a/run@1 b/run@2 a/run@3 "; got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
	if got, want := list(b, last.Time.Add(1)), "b/run@2 "; got != want {
		t.Errorf("from %d on there are %s, want %s", b, got, want)
	}
	if got := list(1, last.Time.Add(-time.Hour)); got != "" {
		t.Errorf("an hour before there were %s", got)
	}
}

// The retention is the namespace's, and can be taken back.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, want := range []time.Duration{0, 30 * 24 * time.Hour, 0} {
		must(t, w.SetRetention(t.Context(), want))
		if got, err := w.other(t).Retention(t.Context()); err != nil || got != want {
			t.Errorf("runs are kept for %s, %v; want %s", got, err, want)
		}
	}
}

// What is kept of a run beside its history goes with it, and what is kept of others stays.
func TestForgetRun(t *testing.T) {
	t.Parallel()
	w := start(t)
	must(t, w.PutRows(t.Context(), []protocol.Row{{ID: "wf", Run: "gone"}, {ID: "wf", Run: "stays"}, {ID: "gone", Run: "stays"}}))
	for _, run := range []string{"gone", "stays"} {
		must(t, w.PutHeartbeat(t.Context(), run, 5, protocol.Heartbeat{Attempt: 1}))
	}
	must(t, w.ForgetRun(t.Context(), "wf", "gone"))
	n := 0
	for r, err := range w.Rows(t.Context()) {
		must(t, err)
		if n++; r.Run == "gone" {
			t.Error("the row is left")
		}
	}
	if n != 2 {
		t.Errorf("%d rows are left", n)
	}
	for run, want := range map[string]bool{"gone": false, "stays": true} {
		if h, err := w.Heartbeat(t.Context(), run, 5); err != nil || (h != nil) != want {
			t.Errorf("of run %s there is the heartbeat %v, %v", run, h, err)
		}
	}
}

// The first message of a workflow in an inbox is found behind those of others, whatever its kind.
func TestFirstInput(t *testing.T) {
	t.Parallel()
	w := start(t)
	if seq, err := w.FirstInput(t.Context(), 0, "wf"); seq != 0 || err != nil {
		t.Errorf("in an empty inbox it is %d, %v", seq, err)
	}
	must(t, w.Tell(t.Context(), "other", protocol.StartInput{}, "1", ""))
	must(t, w.Tell(t.Context(), "wf", protocol.SignalInput{}, "2", ""))
	if seq, err := w.FirstInput(t.Context(), 0, "wf"); seq != 2 || err != nil {
		t.Errorf("it is %d, %v", seq, err)
	}
}
