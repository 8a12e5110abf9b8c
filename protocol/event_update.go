package protocol

// WorkflowExecutionUpdateAdmitted makes an update durable that no worker has looked at: nobody was there, or the step failed.
type WorkflowExecutionUpdateAdmitted struct {
	Request UpdateCall `json:"request"`
}

// WorkflowExecutionUpdateAccepted says that the run's code took an update on; its handler begins in this step. It carries the
// whole request, because a replay hands the update to the code from here.
type WorkflowExecutionUpdateAccepted struct {
	Request         UpdateCall `json:"request"`
	TaskCompletedID int64      `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionUpdateCompleted says what the handler of an update returned: a result or a failure.
type WorkflowExecutionUpdateCompleted struct {
	UpdateID        string   `json:"update_id"`
	AcceptedID      int64    `json:"accepted_event_id"`
	Result          Payload  `json:"result,omitzero"`
	Failure         *Failure `json:"failure,omitempty"`
	TaskCompletedID int64    `json:"workflow_task_completed_event_id"`
}

// WorkflowExecutionUpdateRejected says that the run's code refused an update that had been admitted.
type WorkflowExecutionUpdateRejected struct {
	UpdateID        string   `json:"update_id"`
	AdmittedID      int64    `json:"admitted_event_id"`
	Failure         *Failure `json:"failure"`
	TaskCompletedID int64    `json:"workflow_task_completed_event_id"`
}

// EventType implements [EventAttributes].
func (WorkflowExecutionUpdateAdmitted) EventType() EventType {
	return "WorkflowExecutionUpdateAdmitted"
}

// EventType implements [EventAttributes].
func (WorkflowExecutionUpdateAccepted) EventType() EventType {
	return "WorkflowExecutionUpdateAccepted"
}

// EventType implements [EventAttributes].
func (WorkflowExecutionUpdateCompleted) EventType() EventType {
	return "WorkflowExecutionUpdateCompleted"
}

// EventType implements [EventAttributes].
func (WorkflowExecutionUpdateRejected) EventType() EventType {
	return "WorkflowExecutionUpdateRejected"
}

var updateEvents = []EventAttributes{
	WorkflowExecutionUpdateAdmitted{},
	WorkflowExecutionUpdateAccepted{},
	WorkflowExecutionUpdateCompleted{},
	WorkflowExecutionUpdateRejected{},
}
