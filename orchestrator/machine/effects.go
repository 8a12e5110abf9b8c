package machine

import (
	"github.com/millrace-dev/millrace/protocol"
)

// Effects are what the world must learn from a record. They are derived from the record and the folded state alone, so that a
// node which finds a record whose writer died derives the same ones. All of them may be performed twice.
type Effects struct {
	// Activities are the attempts to put on their queues, or to hand to a worker.
	Activities []protocol.ActivityTask
	// Cancels are the activities to stop, and Recalls those whose next attempt must not lie where it lies.
	Cancels []Cancel
	Recalls []Recall
	// Tells are what other workflows, or this one, must be told, in this order.
	Tells []Tell
	// Call asks for a worker on a queue; nil when none is needed.
	Call *Call
	// Updated are the updates that came further and that somebody may wait for.
	Updated []protocol.Verdict
	// Row is the run's row, when it changed.
	Row *protocol.Row
	// Closed is how the run ended, when it did.
	Closed *protocol.Outcome
}

// Cancel is an activity to stop, and the queue whose workers must hear of it.
type Cancel struct {
	Queue string
	protocol.CancelActivity
}

// Call is a call for a worker.
type Call struct {
	Queue string
	Task  protocol.QueuedWorkflowTask
}

// Effects derives the effects of the last record that was applied.
func (w *Workflow) Effects(record *protocol.Record) Effects {
	var fx Effects
	r := w.Run
	if r.copying() {
		return fx
	}
	for _, e := range record.Events {
		switch a := e.Attributes.(type) {
		case protocol.ActivityTaskScheduled:
			if act, ok := r.activities.get(e.ID); ok {
				task := r.activityTask(act)
				task.HandedTo = handedTo(record, e.ID)
				fx.Activities = append(fx.Activities, task)
			}
		case protocol.ActivityTaskCancelRequested:
			r.stop(&fx, a.ScheduledID, "")
		case protocol.WorkflowExecutionStarted, protocol.WorkflowPropertiesModified, protocol.WorkflowSearchAttributesUpserted:
			fx.Row = w.row()
		case protocol.WorkflowTaskCompleted:
			if e.ID == r.versioned {
				fx.Row = w.row()
			}
		default:
			r.controlEffects(&fx, e)
		}
	}
	fx.Tells = r.tells(record)
	fx.Updated = r.updated(record)
	if finishesCopy(record) {
		fx.Activities, fx.Row, fx.Tells = r.pending(), w.row(), r.askAgain()
		fx.Cancels, fx.Recalls = nil, nil
	}
	if r.TaskScheduled != 0 {
		fx.Call = w.call()
	}
	if !r.Open() {
		for _, queue := range r.orphans {
			fx.Cancels = append(fx.Cancels, Cancel{Queue: queue, CancelActivity: protocol.CancelActivity{Run: r.ID()}})
		}
		fx.Row, fx.Closed = w.row(), r.Outcome
	}
	return fx
}

func (w *Workflow) row() *protocol.Row {
	row := w.Run.Row()
	return &row
}

func (w *Workflow) call() *Call {
	r := w.Run
	return &Call{Queue: r.callQueue(), Task: protocol.QueuedWorkflowTask{
		Workflow: w.ID, Run: r.ID(), Type: r.Start.WorkflowType, ScheduledID: r.TaskScheduled,
	}}
}

// activityTask is the attempt of an activity that is due next.
func (r *Run) activityTask(a Activity) protocol.ActivityTask {
	typ := r.Start.WorkflowType
	if r.alone() {
		typ = ""
	}
	return protocol.ActivityTask{
		Workflow: r.Start.WorkflowID, Run: r.ID(), WorkflowType: typ, ScheduledID: a.Event,
		ActivityID: a.ActivityID, Type: a.ActivityType, Queue: a.Queue, Input: a.Input, Attempt: a.Attempt,
		Forgiven: a.Forgiven, Reset: a.Reset, Dropped: a.dropped, MaximumAttempts: a.RetryPolicy.MaximumAttempts,
		ScheduledTime: a.Scheduled, Deadline: a.Deadline(),
		StartBy: a.startBy(), StartToClose: a.StartToClose, Heartbeat: a.Heartbeat, Headers: a.Headers, LastFailure: a.LastFailure,
	}
}
