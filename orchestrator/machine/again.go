package machine

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Retries derives the retries that a recorded step decided, from the inputs that it consumed and that are delivered again. A failed
// attempt which is tried again leaves no event, so the record alone does not tell: its effect is re-derived from the input. One that
// is known to wait, or to have gone on, is left alone.
func (w *Workflow) Retries(again []protocol.Input, now time.Time) []Retry {
	var retries []Retry
	for _, in := range again {
		b, ok := in.Body.(protocol.ActivityResult)
		if !ok || !w.Run.Open() || w.Run.ID() != b.Run {
			continue
		}
		a, ok := w.Run.activities.get(b.ScheduledID)
		if b = a.own(b); !ok || b.Failure == nil || b.Number() < a.number() {
			continue
		}
		// The activity is pending, so the step found the failure worth another attempt. If its time is over by now, or it was asked
		// to stop, the end of the wait or the deadline settles it.
		limitless := a
		limitless.ScheduleToClose, limitless.CancelRequested = 0, false
		delay, _ := limitless.next(b, now)
		retries = append(retries, w.Run.retry(a, b, now.Add(delay)))
	}
	return retries
}
