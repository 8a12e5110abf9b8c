package jetstream_test

import (
	"strconv"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

func TestRowsAreTheLastOfEachRun(t *testing.T) {
	t.Parallel()
	const runs, few = 1050, 7 // one by one, and in batches
	w := start(t)
	for _, status := range []protocol.Status{protocol.StatusRunning, protocol.StatusCompleted} {
		rows := make([]protocol.Row, runs)
		for i := range rows {
			rows[i] = protocol.Row{ID: "a workflow, with any ID", Run: strconv.Itoa(i), Status: status}
		}
		must(t, w.PutRows(t.Context(), rows[:few]))
		must(t, w.PutRows(t.Context(), rows[few:]))
	}
	seen := make(map[string]protocol.Status)
	for row, err := range w.Rows(t.Context()) {
		must(t, err)
		if _, twice := seen[row.Run]; twice {
			t.Errorf("run %s is listed twice", row.Run)
		}
		seen[row.Run] = row.Status
	}
	for i := range runs {
		if got := seen[strconv.Itoa(i)]; got != protocol.StatusCompleted {
			t.Errorf("run %d is %q, want %q", i, got, protocol.StatusCompleted)
		}
	}
	if len(seen) != runs {
		t.Errorf("%d runs are listed, want %d", len(seen), runs)
	}
}

// Reading may end early, as a list with a limit does.
func TestRowsOfAnEmptyBucketAndPartly(t *testing.T) {
	t.Parallel()
	w := start(t)
	for row, err := range w.Rows(t.Context()) {
		t.Errorf("got %v, %v; want none", row, err)
	}
	for i := range 10 {
		must(t, w.PutRows(t.Context(), []protocol.Row{{ID: "wf", Run: strconv.Itoa(i)}}))
	}
	for _, err := range w.Rows(t.Context()) {
		must(t, err)
		break
	}
}

func TestHeartbeatIsKeptUntilItIsForgotten(t *testing.T) {
	t.Parallel()
	w := start(t)
	want := func(attempt int) {
		t.Helper()
		h, err := w.Heartbeat(t.Context(), "run", 5)
		must(t, err)
		if got := h; (got == nil) != (attempt == 0) || got != nil && got.Attempt != attempt {
			t.Errorf("got %+v, want that of attempt %d", got, attempt)
		}
	}
	want(0)
	for attempt := 1; attempt <= 2; attempt++ {
		must(t, w.PutHeartbeat(t.Context(), "run", 5, protocol.Heartbeat{Attempt: attempt}))
		want(attempt)
	}
	must(t, w.DropHeartbeat(t.Context(), "run", 5, 7))
	want(0)
	must(t, w.DropHeartbeat(t.Context(), "run", 5, 7))
	must(t, w.PutHeartbeat(t.Context(), "run", 5, protocol.Heartbeat{Attempt: 1, Reset: 7}))
	must(t, w.DropHeartbeat(t.Context(), "run", 5, 7))
	want(1)
	must(t, w.PutHeartbeat(t.Context(), "run", 55, protocol.Heartbeat{Attempt: 9}))
	must(t, w.DeleteHeartbeat(t.Context(), "run", 5))
	want(0)
	must(t, w.DeleteHeartbeat(t.Context(), "run", 5))
	if h, err := w.Heartbeat(t.Context(), "run", 55); err != nil || h == nil {
		t.Errorf("the heartbeat of another activity is %v, %v; want it untouched", h, err)
	}
}
