package machine

import "github.com/millrace-dev/millrace/protocol"

// Overtaken is the key of the worker whose cache has the run as its last completed step left it, if that will no longer be so once the step
// is recorded: somebody else took it, it failed, or the run ends without its code being asked. cached says that the worker took the
// step from its cache: then it knows. Empty when there is no such worker.
func (w *Workflow) Overtaken(step Ready, cached bool) (worker string) {
	r := w.Run
	if step.Record == nil || r == nil || !r.Open() || r.Worker == "" {
		return ""
	}
	goesOn := step.Ended || step.Record.Run != r.ID()
	for _, e := range step.Record.Events {
		switch e.Attributes.(type) {
		case protocol.WorkflowTaskCompleted:
			if cached {
				return ""
			}
			goesOn = true
		case protocol.WorkflowTaskFailed, protocol.WorkflowTaskTimedOut:
			goesOn = true
		}
	}
	if !goesOn {
		return ""
	}
	return protocol.WorkerKey(r.Start.Queue, r.Worker)
}
