package worker

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// heartbeatStored is how often heartbeats are stored at most when the activity has no heartbeat timeout. With one, it is 80% of
// the timeout, so that the last report is never older than that.
const heartbeatStored = 30 * time.Second

// beat takes a heartbeat: it puts the deadline off at once, and stores the details if the last ones are old enough.
func (e *execution) beat(details protocol.Payload) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timedOut != nil {
		return e.timedOut
	}
	if e.ended {
		return context.Canceled
	}
	e.latest = &details
	if e.silence != nil {
		e.silence.Reset(e.heartbeat)
	}
	every := heartbeatStored
	if e.heartbeat > 0 {
		every = e.heartbeat * 8 / 10
	}
	if !e.stored.IsZero() && time.Since(e.stored) < every {
		return nil
	}
	e.stored = time.Now()
	h := protocol.Heartbeat{Attempt: e.task.Attempt, Reset: e.task.Reset, Time: e.stored.UTC()}
	e.storing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), e.w.store.AckWait())
		defer cancel()
		var err error
		if h.Details, err = e.w.edge(ctx).Seal(details); err == nil {
			err = e.w.store.PutHeartbeat(ctx, e.task.Run, e.task.ScheduledID, h)
		}
		if err != nil {
			e.w.log.Warn("a heartbeat could not be stored", "activity_type", e.task.Type, "error", err)
		}
	})
	return nil
}

// settle takes no more heartbeats and waits for those on their way. The attempt's result is told only then: the next attempt
// must find what this one reported, and nothing may be stored after the activity's end has removed it.
func (e *execution) settle() {
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	e.storing.Wait()
}

// lastHeartbeat reads what an earlier attempt reported last, unless a reset since then said that it must not be found.
func (e *execution) lastHeartbeat(ctx context.Context) (*protocol.Payload, error) {
	h, err := e.w.store.Heartbeat(ctx, e.task.Run, e.task.ScheduledID)
	if err != nil || h == nil || h.Before(e.task.Dropped) {
		return nil, err
	}
	details, err := e.w.edge(ctx).Open(h.Details)
	if err != nil {
		return nil, err
	}
	return &details, nil
}
