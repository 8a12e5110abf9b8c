package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// bar is a stretch of a run's time: an activity, a child, a timer or an update.
type bar struct {
	name     string
	from, to time.Time
	note     string
}

// timelineWidth is how many characters the run's whole time takes.
const timelineWidth = 60

// printTimeline draws when the run's activities, children, timers and updates were pending.
func printTimeline(w io.Writer, events []protocol.Event) error {
	if len(events) == 0 {
		return nil
	}
	bars := barsOf(events)
	start, end := events[0].Time, events[len(events)-1].Time
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "TIMELINE\t0%*s\n", timelineWidth-1, end.Sub(start).Round(time.Millisecond))
	for _, b := range bars {
		fmt.Fprintf(t, "%s\t%s\t%s\n", short(b.name, 40), draw(b, start, end), b.note)
	}
	return t.Flush()
}

// draw is a bar among blanks; the shortest is one character.
func draw(b bar, start, end time.Time) string {
	whole := max(end.Sub(start), 1)
	at := func(t time.Time) int { return int(int64(timelineWidth) * int64(t.Sub(start)) / int64(whole)) }
	from := min(at(b.from), timelineWidth-1)
	to := min(max(at(b.to), from+1), timelineWidth)
	return strings.Repeat("·", from) + strings.Repeat("█", to-from) + strings.Repeat("·", timelineWidth-to)
}

func barsOf(events []protocol.Event) []bar {
	var bars []bar
	index := map[int64]int{}
	last, open := events[len(events)-1].Time, "pending"
	if protocol.StatusAfter(events[len(events)-1].Attributes).Closed() {
		open = "unfinished" // its run has ended, and waits for nothing any more
	}
	begin := func(e protocol.Event, name string) {
		index[e.ID] = len(bars)
		bars = append(bars, bar{name: name, from: e.Time, to: last, note: open})
	}
	end := func(id int64, at time.Time, note string) {
		if i, ok := index[id]; ok {
			bars[i].to, bars[i].note = at, strings.TrimSpace(strings.TrimPrefix(bars[i].note, open)+" "+note)
		}
	}
	note := func(id int64, note string) {
		if i, ok := index[id]; ok {
			bars[i].note = note
		}
	}
	for _, e := range events {
		if id, name, how := childBar(e.Attributes); name != "" {
			begin(e, name)
		} else if id != 0 {
			note(id, "")
			end(id, e.Time, how)
		}
		switch v := e.Attributes.(type) {
		case protocol.ActivityTaskScheduled:
			begin(e, v.ActivityType+" "+v.ActivityID)
		case protocol.ActivityTaskStarted:
			note(v.ScheduledID, "")
			if v.Attempt > 1 {
				note(v.ScheduledID, fmt.Sprintf("attempt %d", v.Attempt))
			}
		case protocol.ActivityTaskCompleted:
			end(v.ScheduledID, e.Time, "")
		case protocol.ActivityTaskFailed:
			end(v.ScheduledID, e.Time, "failed")
		case protocol.ActivityTaskTimedOut:
			end(v.ScheduledID, e.Time, "timed out")
		case protocol.ActivityTaskCanceled:
			end(v.ScheduledID, e.Time, "canceled")
		case protocol.WorkflowExecutionUpdateAccepted:
			begin(e, "update "+v.Request.Name+" "+v.Request.UpdateID)
		case protocol.WorkflowExecutionUpdateCompleted:
			note(v.AcceptedID, "")
			if end(v.AcceptedID, e.Time, ""); v.Failure != nil {
				note(v.AcceptedID, "failed")
			}
		case protocol.TimerStarted:
			begin(e, "timer "+v.TimerID)
		case protocol.TimerFired:
			note(v.StartedID, "")
			end(v.StartedID, e.Time, "")
		case protocol.TimerCanceled:
			note(v.StartedID, "")
			end(v.StartedID, e.Time, "canceled")
		}
	}
	return bars
}
