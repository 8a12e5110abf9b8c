package machine

import "github.com/millrace-dev/millrace/protocol"

// Resume derives what must be there for the workflow to go on, from its state alone, whatever its last record says: for a node that does
// not know what is left of tasks, timers and messages. All of it may be there already. The attempts are those that are in nobody's hands
// as far as history tells; whoever performs it looks for them first.
func (w *Workflow) Resume(last *protocol.Record) Effects {
	r := w.Run
	fx := Effects{Row: w.row()}
	switch {
	case r.copying(): // whoever asked for the copy lies in the inbox
	case r.Open():
		fx.Activities, fx.Tells = r.unattended(), r.askAgain()
		if r.TaskScheduled != 0 {
			fx.Call = w.call()
		}
	default:
		fx.Tells, fx.Closed = r.tellEnd(last), r.Outcome
	}
	return fx
}

// unattended are the next attempts of the pending activities, but for those that somebody else than a worker is to complete.
func (r *Run) unattended() []protocol.ActivityTask {
	var tasks []protocol.ActivityTask
	for _, task := range r.pending() {
		if a, _ := r.activities.get(task.ScheduledID); !a.Async || a.number() > a.begun {
			tasks = append(tasks, task)
		}
	}
	return tasks
}
