package protocol

// UpdateStage is how far an update has come.
type UpdateStage string

// Stages of an update.
const (
	// UpdateAdmitted: the update is durable, and no worker has looked at it yet.
	UpdateAdmitted UpdateStage = "admitted"
	// UpdateAccepted: the run's code took the update, and its handler is at work.
	UpdateAccepted UpdateStage = "accepted"
	// UpdateCompleted: the handler has returned a result or an error.
	UpdateCompleted UpdateStage = "completed"
	// UpdateRejected: the run's code refused the update. History says nothing of it, unless it had been admitted before.
	UpdateRejected UpdateStage = "rejected"
)

// Final reports whether nothing follows this stage.
func (s UpdateStage) Final() bool { return s == UpdateCompleted || s == UpdateRejected }

// UpdateInput asks the open run to change something and to say what came of it.
type UpdateInput struct {
	Run string `json:"run_id,omitempty"` // only this run, when set
	UpdateCall
}

// UpdateCall is one update as the run's code sees it.
type UpdateCall struct {
	// UpdateID names the update within its run. The same ID again is the same update: it is done once, and whoever asks hears
	// what became of it.
	UpdateID string `json:"update_id"`
	// RequestID makes a repeated request harmless even if another run has begun since.
	RequestID string            `json:"request_id,omitempty"`
	Name      string            `json:"update"`
	Input     Payload           `json:"input,omitzero"`
	Identity  string            `json:"identity,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
}

// UpdateRejection is a worker's word that the run's code refused an update.
type UpdateRejection struct {
	UpdateID string   `json:"update_id"`
	Failure  *Failure `json:"failure"`
}

// UpdateOutcome is what became of an update so far.
type UpdateOutcome struct {
	ID    string      `json:"update_id"`
	Stage UpdateStage `json:"stage"`
	// Result is what the handler returned, once the update has completed without a failure.
	Result Payload `json:"result,omitzero"`
	// Failure is the handler's error, or why the update was rejected.
	Failure *Failure `json:"failure,omitempty"`
}

// PendingUpdate is an update that has been admitted or accepted and has not ended.
type PendingUpdate struct {
	ID    string      `json:"update_id"`
	Name  string      `json:"update"`
	Stage UpdateStage `json:"stage"`
	// Event is the one that recorded the stage.
	Event int64 `json:"event_id"`
}

// InputKind implements [InputBody].
func (UpdateInput) InputKind() InputKind { return KindUpdate }

// AcceptUpdate takes an update on; it becomes WorkflowExecutionUpdateAccepted.
type AcceptUpdate struct {
	UpdateID string `json:"update_id"`
}

// CompleteUpdate ends an update that was accepted, with a result or a failure; it becomes WorkflowExecutionUpdateCompleted.
type CompleteUpdate struct {
	UpdateID string   `json:"update_id"`
	Result   Payload  `json:"result,omitzero"`
	Failure  *Failure `json:"failure,omitempty"`
}

// RejectUpdate refuses an update that had been admitted; it becomes WorkflowExecutionUpdateRejected. Any other update is
// refused without a command and leaves no event: see [UpdateRejection].
type RejectUpdate struct {
	UpdateID string   `json:"update_id"`
	Failure  *Failure `json:"failure"`
}

// CommandType implements [CommandAttributes].
func (AcceptUpdate) CommandType() CommandType { return "AcceptUpdate" }

// CommandType implements [CommandAttributes].
func (CompleteUpdate) CommandType() CommandType { return "CompleteUpdate" }

// CommandType implements [CommandAttributes].
func (RejectUpdate) CommandType() CommandType { return "RejectUpdate" }

var updateCommands = []CommandAttributes{
	AcceptUpdate{},
	CompleteUpdate{},
	RejectUpdate{},
}

// RejectedError makes the failure of an update that the run's code refused, and why it did.
func RejectedError(u UpdateCall, cause error) *Failure {
	return &Failure{
		Message: "update " + u.Name + " was rejected", Source: sourceGo, Cause: NewFailure(cause),
		Rejected: &RejectedFailure{UpdateID: u.UpdateID, Update: u.Name},
	}
}

// Update is a typed name: I is what the update carries and O what it comes to. Workflow code handles it, clients ask for it.
type Update[I, O any] struct{ name string }

// NewUpdate names an update. Declare it once, as a package variable beside the workflow that handles it.
func NewUpdate[I, O any](name string) Update[I, O] { return Update[I, O]{name: name} }

// Name is the update's name on the wire.
func (u Update[I, O]) Name() string { return u.name }
