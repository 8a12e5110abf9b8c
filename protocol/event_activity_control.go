package protocol

// ActivityTaskPaused says that no attempt of a pending activity begins until it is unpaused. Timeouts go on.
type ActivityTaskPaused struct {
	ScheduledID int64  `json:"scheduled_event_id"`
	Reason      string `json:"reason,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	Identity    string `json:"identity,omitempty"`
}

// ActivityTaskUnpaused says that a paused activity goes on; an attempt that waits begins at once.
type ActivityTaskUnpaused struct {
	ScheduledID int64  `json:"scheduled_event_id"`
	Reason      string `json:"reason,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	Identity    string `json:"identity,omitempty"`
}

// ActivityTaskReset says that a pending activity begins anew: the next attempt counts as the first and comes at once. A paused activity
// goes on, unless KeepPaused says otherwise.
type ActivityTaskReset struct {
	ScheduledID   int64  `json:"scheduled_event_id"`
	KeepPaused    bool   `json:"keep_paused,omitzero"`
	DropHeartbeat bool   `json:"drop_heartbeat,omitzero"` // the next attempt finds no details of an earlier heartbeat
	Reason        string `json:"reason,omitempty"`
	RequestID     string `json:"request_id,omitempty"`
	Identity      string `json:"identity,omitempty"`
}

// ActivityTaskOptionsUpdated says what holds for a pending activity from its next attempt on: every option, normalised.
type ActivityTaskOptionsUpdated struct {
	ScheduledID int64           `json:"scheduled_event_id"`
	Options     ActivityOptions `json:"options"`
	RequestID   string          `json:"request_id,omitempty"`
	Identity    string          `json:"identity,omitempty"`
}

// EventType implements [EventAttributes].
func (ActivityTaskPaused) EventType() EventType { return "ActivityTaskPaused" }

// EventType implements [EventAttributes].
func (ActivityTaskUnpaused) EventType() EventType { return "ActivityTaskUnpaused" }

// EventType implements [EventAttributes].
func (ActivityTaskReset) EventType() EventType { return "ActivityTaskReset" }

// EventType implements [EventAttributes].
func (ActivityTaskOptionsUpdated) EventType() EventType { return "ActivityTaskOptionsUpdated" }

var activityControlEvents = []EventAttributes{
	ActivityTaskPaused{},
	ActivityTaskUnpaused{},
	ActivityTaskReset{},
	ActivityTaskOptionsUpdated{},
}
