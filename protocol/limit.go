package protocol

const (
	// MaxCommands is how many commands one step may have. Code that asks for more is taken for code that never ends: it fails the step
	// long before the worker has no memory left.
	MaxCommands = 50_000
	// MaxStepBytes is how many bytes of values the commands of one step may carry, before what is large goes to the object store.
	MaxStepBytes = 256 << 20
	// MaxTokenLength is the most bytes of a run ID or an update ID: a subject with it and a workflow ID must fit into a line of NATS.
	MaxTokenLength = 250
)

// Carried is how many bytes of a value the command carries itself. The small parts of a command are not counted.
func Carried(c CommandAttributes) int {
	switch c := c.(type) {
	case ScheduleActivityTask:
		return len(c.Input.Data)
	case StartChildWorkflowExecution:
		return len(c.Input.Data)
	case SignalExternalWorkflowExecution:
		return len(c.Input.Data)
	case RecordMarker:
		return len(c.Value.Data)
	case ContinueAsNewWorkflowExecution:
		return len(c.Input.Data) + len(c.CarriedSignals.Data)
	case CompleteUpdate:
		return len(c.Result.Data)
	case CompleteWorkflowExecution:
		return len(c.Result.Data)
	}
	return 0
}

// ValidateToken reports whether s can be a run ID or an update ID; what names it in the error.
func ValidateToken(what, s string) error {
	if len(s) > MaxTokenLength {
		return Errorf(CodeBadRequest, "the %s has %d bytes, %d are allowed", what, len(s), MaxTokenLength).WithHint("a UUID has 36")
	}
	return ValidateID(what, s)
}
