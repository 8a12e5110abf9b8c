package protocol

import "time"

// Row is what a list shows of a run, kept in the runs bucket. It is derived from history and may lag behind it.
type Row struct {
	ID               string             `json:"id"`
	Run              string             `json:"run_id"`
	Type             string             `json:"type"`
	Queue            string             `json:"queue"`
	Status           Status             `json:"status"`
	Version          string             `json:"version,omitempty"` // of the code that took its last step
	Started          time.Time          `json:"started"`
	Closed           time.Time          `json:"closed,omitzero"`
	HistoryLength    int64              `json:"history_length"`
	Activity         bool               `json:"activity,omitzero"` // it is an activity that runs alone, of that type
	Memo             map[string]Payload `json:"memo,omitempty"`
	SearchAttributes map[string]Payload `json:"search_attributes,omitempty"`
}

// Description is everything that describe shows of a run.
type Description struct {
	Row
	// Activities are the ones that have been scheduled and have not ended.
	Activities []PendingActivity `json:"pending_activities,omitempty"`
	// Timers are the ones that have not fired.
	Timers []PendingTimer `json:"pending_timers,omitempty"`
	// Children are the ones that were asked for and have not ended.
	Children []PendingChild `json:"pending_children,omitempty"`
	// Externals are the signals and cancellations that were sent to other workflows and have no answer.
	Externals []PendingExternal `json:"pending_externals,omitempty"`
	// Parent is the run whose child this is; nil when it is nobody's.
	Parent *Origin `json:"parent,omitempty"`
	// Updates are the ones that have been admitted or accepted and have not ended.
	Updates []PendingUpdate `json:"pending_updates,omitempty"`
	// Task is the workflow task that waits or fails; nil when the run waits for something else.
	Task *PendingTask `json:"pending_task,omitempty"`
	// CancelRequested says that the run was asked to stop.
	CancelRequested bool `json:"cancel_requested,omitzero"`
	// Paused says since when and why the run takes no step; nil when it does.
	Paused *Pause `json:"paused,omitempty"`
	// Begins is when the run may take its first step; zero when it has taken it, or may at any time.
	Begins time.Time `json:"begins,omitzero"`
	// Outcome is how the run ended; nil while it is open.
	Outcome *Outcome `json:"outcome,omitempty"`
}

// PendingActivity is an activity that has not ended.
type PendingActivity struct {
	ScheduledID     int64     `json:"scheduled_event_id"`
	ActivityID      string    `json:"activity_id"`
	Type            string    `json:"activity_type"`
	Queue           string    `json:"queue"`
	Scheduled       time.Time `json:"scheduled"`
	Attempt         int       `json:"attempt"`
	Forgiven        int       `json:"forgiven_attempts,omitzero"` // attempts before, which do not count
	Reset           int64     `json:"reset_event_id,omitzero"`    // the last ActivityTaskReset
	MaximumAttempts int       `json:"maximum_attempts,omitzero"`
	// NextAttempt is when a waiting retry is due; zero when the task is with the workers.
	NextAttempt     time.Time `json:"next_attempt,omitzero"`
	LastFailure     *Failure  `json:"last_failure,omitempty"`
	CancelRequested bool      `json:"cancel_requested,omitzero"`
	// Paused says since when and why no attempt begins; nil when they do.
	Paused *Pause `json:"paused,omitempty"`
	// Changed are the options that hold in place of those that the workflow asked for; nil when nobody changed them.
	Changed *ActivityOptions `json:"changed_options,omitempty"`
}

// PendingTimer is a timer that has not fired.
type PendingTimer struct {
	TimerID string    `json:"timer_id"`
	FireAt  time.Time `json:"fire_at"`
}

// PendingChild is a child that has not ended.
type PendingChild struct {
	InitiatedID int64  `json:"initiated_event_id"`
	ID          string `json:"workflow_id"`
	// Run is the child's first run; empty until it is known to have begun.
	Run               string            `json:"run_id,omitempty"`
	Type              string            `json:"workflow_type"`
	Queue             string            `json:"queue"`
	Initiated         time.Time         `json:"initiated"`
	ParentClosePolicy ParentClosePolicy `json:"parent_close_policy"`
}

// PendingExternal is a signal or a cancellation on its way to another workflow.
type PendingExternal struct {
	InitiatedID int64 `json:"initiated_event_id"`
	// Kind is signal or cancel.
	Kind   InputKind `json:"kind"`
	ID     string    `json:"workflow_id"`
	Signal string    `json:"signal_name,omitempty"`
}

// PendingTask is a workflow task that waits for a worker, or whose last attempt failed.
type PendingTask struct {
	ScheduledID int64           `json:"scheduled_event_id,omitzero"`
	Attempt     int             `json:"attempt"`
	Cause       TaskFailedCause `json:"cause,omitempty"`
	Failure     *Failure        `json:"failure,omitempty"`
}

// Pause says since when and why a run takes no step.
type Pause struct {
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason,omitempty"`
	Identity string    `json:"identity,omitempty"`
}
