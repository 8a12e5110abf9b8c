package replay

import (
	"fmt"
	"runtime/debug"

	"github.com/millrace-dev/millrace/protocol"
)

// fail makes the run unusable. The first failure counts.
func (r *Run) fail(cause protocol.TaskFailedCause, f *protocol.Failure) {
	if r.broken == nil {
		r.broken = &Answer{Failure: f, Cause: cause}
	}
}

// failf reports events that make no sense, which is not the workflow author's fault.
func (r *Run) failf(format string, args ...any) {
	r.fail(protocol.CauseWorkflowPanic, &protocol.Failure{Message: fmt.Sprintf(format, args...), Source: "go"})
}

// panicked reports a panic of workflow code. It must be called by the deferred function that recovered it: the stack
// still shows where the panic began.
func (r *Run) panicked(value any) {
	r.fail(protocol.CauseWorkflowPanic, &protocol.Failure{
		Message:     fmt.Sprintf("the workflow's code panicked: %v", value),
		Source:      "go",
		Stack:       string(debug.Stack()),
		Application: &protocol.ApplicationFailure{Type: "PanicError"},
	})
}
