package protocol

// ActivityTaskScheduled asks for an activity. Its timeouts and retry policy are stored normalised.
type ActivityTaskScheduled struct {
	ActivityID      string            `json:"activity_id"`
	ActivityType    string            `json:"activity_type"`
	Queue           string            `json:"queue"`
	Input           Payload           `json:"input,omitzero"`
	ScheduleToClose Duration          `json:"schedule_to_close_timeout,omitzero"` // over all attempts; zero: none
	ScheduleToStart Duration          `json:"schedule_to_start_timeout,omitzero"` // until a worker begins; zero: none
	StartToClose    Duration          `json:"start_to_close_timeout,omitzero"`    // of each attempt; zero: none
	Heartbeat       Duration          `json:"heartbeat_timeout,omitzero"`         // between heartbeats; zero: none asked for
	RetryPolicy     RetryPolicy       `json:"retry_policy"`
	Headers         map[string]string `json:"headers,omitempty"`
	TaskCompletedID int64             `json:"workflow_task_completed_event_id"`
}

// ActivityTaskStarted says which attempt ended the activity. It is written together with the event that ends it,
// so that retries add no events; but when the attempt begins, if somebody must know: the activity has a schedule-to-start timeout, or
// somebody else completes it.
type ActivityTaskStarted struct {
	ScheduledID int64    `json:"scheduled_event_id"`
	Attempt     int      `json:"attempt"`
	Forgiven    int      `json:"forgiven_attempts,omitzero"` // further attempts before it, which do not count
	Async       bool     `json:"async,omitzero"`             // its worker is done with it, and somebody else completes it
	Identity    string   `json:"identity,omitempty"`
	LastFailure *Failure `json:"last_failure,omitempty"`
}

// ActivityTaskCompleted ends an activity with its result.
type ActivityTaskCompleted struct {
	ScheduledID int64   `json:"scheduled_event_id"`
	StartedID   int64   `json:"started_event_id"`
	Result      Payload `json:"result,omitzero"`
	RequestID   string  `json:"request_id,omitempty"` // of whoever completed it from outside
}

// ActivityTaskFailed ends an activity whose failure is not tried again.
type ActivityTaskFailed struct {
	ScheduledID int64      `json:"scheduled_event_id"`
	StartedID   int64      `json:"started_event_id"`
	Failure     *Failure   `json:"failure"`
	RetryState  RetryState `json:"retry_state"`
	RequestID   string     `json:"request_id,omitempty"` // of whoever failed it from outside
}

// ActivityTaskTimedOut ends an activity whose deadline passed and that is not tried again. StartedID is zero when no
// attempt is known to have started.
type ActivityTaskTimedOut struct {
	ScheduledID int64      `json:"scheduled_event_id"`
	StartedID   int64      `json:"started_event_id,omitzero"`
	Failure     *Failure   `json:"failure"`
	RetryState  RetryState `json:"retry_state"`
}

// ActivityTaskCancelRequested asks a running activity to stop.
type ActivityTaskCancelRequested struct {
	ScheduledID     int64 `json:"scheduled_event_id"`
	TaskCompletedID int64 `json:"workflow_task_completed_event_id"`
}

// ActivityTaskCanceled ends an activity that stopped because it was asked to.
type ActivityTaskCanceled struct {
	ScheduledID int64   `json:"scheduled_event_id"`
	StartedID   int64   `json:"started_event_id"`
	Details     Payload `json:"details,omitzero"`
	RequestID   string  `json:"request_id,omitempty"` // of whoever ended it from outside
}

// EventType implements [EventAttributes].
func (ActivityTaskScheduled) EventType() EventType { return "ActivityTaskScheduled" }

// EventType implements [EventAttributes].
func (ActivityTaskStarted) EventType() EventType { return "ActivityTaskStarted" }

// EventType implements [EventAttributes].
func (ActivityTaskCompleted) EventType() EventType { return "ActivityTaskCompleted" }

// EventType implements [EventAttributes].
func (ActivityTaskFailed) EventType() EventType { return "ActivityTaskFailed" }

// EventType implements [EventAttributes].
func (ActivityTaskTimedOut) EventType() EventType { return "ActivityTaskTimedOut" }

// EventType implements [EventAttributes].
func (ActivityTaskCancelRequested) EventType() EventType { return "ActivityTaskCancelRequested" }

// EventType implements [EventAttributes].
func (ActivityTaskCanceled) EventType() EventType { return "ActivityTaskCanceled" }

var activityEvents = []EventAttributes{
	ActivityTaskScheduled{},
	ActivityTaskStarted{},
	ActivityTaskCompleted{},
	ActivityTaskFailed{},
	ActivityTaskTimedOut{},
	ActivityTaskCancelRequested{},
	ActivityTaskCanceled{},
}
