package machine

import "github.com/millrace-dev/millrace/protocol"

// Size estimates how many bytes an event takes in a message: its payloads and some room for the rest.
func Size(e protocol.Event) int {
	const rest = 300
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionStarted:
		return rest + len(a.Input.Data) + len(a.CarriedSignals.Data)
	case protocol.WorkflowExecutionSignaled:
		return rest + len(a.Input.Data)
	case protocol.WorkflowExecutionContinuedAsNew:
		return rest + len(a.Input.Data) + len(a.CarriedSignals.Data)
	case protocol.WorkflowExecutionUpdateAdmitted:
		return rest + len(a.Request.Input.Data)
	case protocol.WorkflowExecutionUpdateAccepted:
		return rest + len(a.Request.Input.Data)
	case protocol.WorkflowExecutionUpdateCompleted:
		return rest + len(a.Result.Data)
	case protocol.MarkerRecorded:
		return rest + len(a.Value.Data)
	case protocol.ActivityTaskScheduled:
		return rest + len(a.Input.Data)
	case protocol.ActivityTaskCompleted:
		return rest + len(a.Result.Data)
	}
	return rest
}
