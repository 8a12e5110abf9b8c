package protocol

// Status is the state of a run.
type Status string

// Statuses of a run. The names are Temporal's.
const (
	StatusRunning    Status = "Running"
	StatusCompleted  Status = "Completed"
	StatusFailed     Status = "Failed"
	StatusCanceled   Status = "Canceled"
	StatusTerminated Status = "Terminated"
	StatusTimedOut   Status = "TimedOut"
	// StatusContinuedAsNew is that of a run which asked for another one in its place.
	StatusContinuedAsNew Status = "ContinuedAsNew"
)

// Known reports whether s is one of the statuses.
func (s Status) Known() bool {
	switch s {
	case StatusRunning, StatusCompleted, StatusFailed, StatusCanceled, StatusTerminated, StatusTimedOut, StatusContinuedAsNew:
		return true
	}
	return false
}

// Closed reports whether a run in this state has ended.
func (s Status) Closed() bool { return s != StatusRunning && s != "" }

// StatusAfter is the status that a run has once the event is applied, or empty when the event does not change it.
func StatusAfter(e EventAttributes) Status {
	switch e.(type) {
	case WorkflowExecutionStarted:
		return StatusRunning
	case WorkflowExecutionCompleted:
		return StatusCompleted
	case WorkflowExecutionFailed:
		return StatusFailed
	case WorkflowExecutionCanceled:
		return StatusCanceled
	case WorkflowExecutionTerminated:
		return StatusTerminated
	case WorkflowExecutionTimedOut:
		return StatusTimedOut
	case WorkflowExecutionContinuedAsNew:
		return StatusContinuedAsNew
	}
	return ""
}
