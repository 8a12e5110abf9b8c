package protocol

import "time"

// TimerStarted arms a timer of the run.
type TimerStarted struct {
	TimerID         string    `json:"timer_id"`
	StartToFire     Duration  `json:"start_to_fire_timeout"`
	FireAt          time.Time `json:"fire_at"`
	TaskCompletedID int64     `json:"workflow_task_completed_event_id"`
}

// TimerFired says that the timer's time came.
type TimerFired struct {
	TimerID   string `json:"timer_id"`
	StartedID int64  `json:"started_event_id"`
}

// TimerCanceled says that the run's code no longer waits for the timer.
type TimerCanceled struct {
	TimerID         string `json:"timer_id"`
	StartedID       int64  `json:"started_event_id"`
	TaskCompletedID int64  `json:"workflow_task_completed_event_id"`
}

// EventType implements [EventAttributes].
func (TimerStarted) EventType() EventType { return "TimerStarted" }

// EventType implements [EventAttributes].
func (TimerFired) EventType() EventType { return "TimerFired" }

// EventType implements [EventAttributes].
func (TimerCanceled) EventType() EventType { return "TimerCanceled" }

var timerEvents = []EventAttributes{
	TimerStarted{},
	TimerFired{},
	TimerCanceled{},
}
