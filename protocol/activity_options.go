package protocol

// ActivityOptions are where an activity runs, how long it may take and how it is tried again: what can be changed while it is pending.
type ActivityOptions struct {
	Queue           string      `json:"queue,omitempty"`
	ScheduleToClose Duration    `json:"schedule_to_close_timeout,omitzero"`
	ScheduleToStart Duration    `json:"schedule_to_start_timeout,omitzero"`
	StartToClose    Duration    `json:"start_to_close_timeout,omitzero"`
	Heartbeat       Duration    `json:"heartbeat_timeout,omitzero"`
	RetryPolicy     RetryPolicy `json:"retry_policy"`
}

// Options are the part of the event that can be changed later.
func (a ActivityTaskScheduled) Options() ActivityOptions {
	return ActivityOptions{
		Queue: a.Queue, ScheduleToClose: a.ScheduleToClose, ScheduleToStart: a.ScheduleToStart, StartToClose: a.StartToClose,
		Heartbeat: a.Heartbeat, RetryPolicy: a.RetryPolicy,
	}
}

// WithOptions is the event as if it had asked for o.
func (a ActivityTaskScheduled) WithOptions(o ActivityOptions) ActivityTaskScheduled {
	a.Queue, a.ScheduleToClose, a.ScheduleToStart = o.Queue, o.ScheduleToClose, o.ScheduleToStart
	a.StartToClose, a.Heartbeat, a.RetryPolicy = o.StartToClose, o.Heartbeat, o.RetryPolicy
	return a
}

// ActivityChanges say which options of a pending activity get another value; nil leaves one as it is. A timeout of zero means none.
type ActivityChanges struct {
	Queue           *string      `json:"queue,omitempty"`
	ScheduleToClose *Duration    `json:"schedule_to_close_timeout,omitempty"`
	ScheduleToStart *Duration    `json:"schedule_to_start_timeout,omitempty"`
	StartToClose    *Duration    `json:"start_to_close_timeout,omitempty"`
	Heartbeat       *Duration    `json:"heartbeat_timeout,omitempty"`
	RetryPolicy     *RetryPolicy `json:"retry_policy,omitempty"`
}

// Empty reports whether nothing is to be changed.
func (c ActivityChanges) Empty() bool { return c == ActivityChanges{} }

// Apply returns the options with the changes.
func (c ActivityChanges) Apply(o ActivityOptions) ActivityOptions {
	set(&o.Queue, c.Queue)
	set(&o.ScheduleToClose, c.ScheduleToClose)
	set(&o.ScheduleToStart, c.ScheduleToStart)
	set(&o.StartToClose, c.StartToClose)
	set(&o.Heartbeat, c.Heartbeat)
	set(&o.RetryPolicy, c.RetryPolicy)
	return o
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
