package protocol

// ActivityAction is what somebody does to a pending activity from outside.
type ActivityAction string

// Actions on a pending activity.
const (
	// ActivityPause lets no further attempt begin, takes one that no worker has begun off its queue, and asks one that runs to stop.
	ActivityPause ActivityAction = "pause"
	// ActivityUnpause takes that back; the next attempt begins at once.
	ActivityUnpause ActivityAction = "unpause"
	// ActivityReset begins anew: attempts are counted from 1, and one that waits for its turn begins at once.
	ActivityReset ActivityAction = "reset"
	// ActivityUpdate changes options.
	ActivityUpdate ActivityAction = "update"
)

// ActivityInput pauses, unpauses, resets or changes pending activities of the open run.
type ActivityInput struct {
	Run string `json:"run_id,omitempty"`
	// Activity is the ID of a pending activity, or the type of one or more.
	Activity string         `json:"activity"`
	Action   ActivityAction `json:"action"`
	// KeepPaused and DropHeartbeat belong to a reset: a paused activity stays so, and the next attempt finds no details of a heartbeat.
	KeepPaused    bool `json:"keep_paused,omitzero"`
	DropHeartbeat bool `json:"drop_heartbeat,omitzero"`
	// Restore, of a reset or an update, puts back the options that the workflow asked for, before Changes are made.
	Restore   bool             `json:"restore_options,omitzero"`
	Changes   *ActivityChanges `json:"changes,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	RequestID string           `json:"request_id,omitempty"`
	Identity  string           `json:"identity,omitempty"`
}

// InputKind implements [InputBody].
func (ActivityInput) InputKind() InputKind { return KindActivity }

// Validate reports what makes no sense, whatever the run's state.
func (b ActivityInput) Validate() *Error {
	changes := b.Changes != nil && !b.Changes.Empty()
	switch b.Action {
	case ActivityPause, ActivityUnpause, ActivityReset:
		if changes {
			return Errorf(CodeBadRequest, "only an update changes options").WithHint(`"action": "update"`)
		}
	case ActivityUpdate:
		if !changes && !b.Restore {
			return Errorf(CodeBadRequest, "the update changes nothing").WithHint(`such as "changes": {"start_to_close_timeout": "1m"}`)
		}
	default:
		return Errorf(CodeBadRequest, "%q is nothing that can be done to an activity", b.Action).
			WithHint("pause, unpause, reset or update")
	}
	if b.Activity == "" {
		return Errorf(CodeBadRequest, "the activity is missing").WithHint("its ID, or its type for every pending one of it")
	}
	return nil
}

// ActivityRequest is an [ActivityInput] for the open run of a workflow.
type ActivityRequest struct {
	ID string `json:"id"`
	ActivityInput
}
