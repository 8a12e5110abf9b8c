package machine

import "github.com/millrace-dev/millrace/protocol"

// Route tells the turn which version of the workers' code is the current one of the run's queue. Empty: none is.
func (t *Turn) Route(current string) { t.current = current }

// Queue is the task queue of the drafted run; empty when there is none.
func (t *Turn) Queue() string {
	if !t.run.Open() || t.run.alone() {
		return ""
	}
	return t.run.Start.Queue
}

// taskQueue is where the run's workflow tasks are offered: to the workers of the version that the run stays with, else to those of the
// current version, else to all of the queue.
func (t *Turn) taskQueue() string {
	switch r := t.run; {
	case r.pinned != "":
		return protocol.VersionQueue(r.Start.Queue, r.pinned)
	case t.current != "":
		return protocol.VersionQueue(r.Start.Queue, t.current)
	}
	return t.run.Start.Queue
}

// callQueue is where a worker is called for. A run that is not pinned calls for any: which version is current may change while the call
// waits, and a worker of another version that answers is passed over.
func (r *Run) callQueue() string {
	if r.pinned != "" {
		return protocol.VersionQueue(r.Start.Queue, r.pinned)
	}
	return r.Start.Queue
}

func (r *Run) applyVersion(id int64, a protocol.WorkflowTaskCompleted) {
	if a.Version != r.Version {
		r.Version, r.versioned = a.Version, id
	}
	if a.Pinned {
		r.pinned = a.Version
	}
}
