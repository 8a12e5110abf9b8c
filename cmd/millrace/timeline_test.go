package main

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// What an ended run has left undone is not pending any more, and what ended without having begun says how it ended.
func TestTimelineOfAnEndedRun(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var events []protocol.Event
	for i, a := range []protocol.EventAttributes{
		protocol.WorkflowExecutionStarted{},
		protocol.TimerStarted{TimerID: "1"},
		protocol.ActivityTaskScheduled{ActivityID: "2", ActivityType: "shop.Charge"},
		protocol.ActivityTaskTimedOut{ScheduledID: 3},
		protocol.WorkflowExecutionTerminated{},
	} {
		events = append(events, protocol.Event{ID: int64(i + 1), Time: began.Add(time.Duration(i) * time.Second), Attributes: a})
	}
	var out strings.Builder
	if err := printTimeline(&out, events); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"·  timed out\n", "█  unfinished\n"} {
		if !strings.Contains(out.String(), end) {
			t.Errorf("no line ends in %q:\n%s", end, out.String())
		}
	}
	out.Reset()
	if err := printTimeline(&out, events[:4]); err != nil || !strings.Contains(out.String(), "█  pending\n") {
		t.Errorf("an open run's timer is not pending: %v\n%s", err, out.String())
	}
}
