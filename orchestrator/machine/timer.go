package machine

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

func (t *Turn) startTimer(c protocol.StartTimer, task int64) error {
	switch {
	case c.TimerID == "":
		return fmt.Errorf("the timer ID is empty")
	case t.run.timerID.has(c.TimerID):
		return fmt.Errorf("timer %q is running already", c.TimerID)
	case c.StartToFire < 0:
		return fmt.Errorf("timer %q has a negative duration", c.TimerID)
	}
	at := t.next(nil).Time.Add(time.Duration(c.StartToFire))
	t.event(protocol.TimerStarted{TimerID: c.TimerID, StartToFire: c.StartToFire, FireAt: at, TaskCompletedID: task})
	return nil
}
