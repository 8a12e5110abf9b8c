package machine

import (
	"cmp"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Update is what history says of an update. It is kept when the update has ended, and when the run has, for whoever asks again.
type Update struct {
	Call    protocol.UpdateCall // without its input once the run's code has answered
	Outcome protocol.UpdateOutcome
	// Admitted and Accepted are the events that say so; zero when there is none.
	Admitted, Accepted int64
}

// since is the event that recorded the stage of an update that has not ended.
func (u Update) since() int64 { return max(u.Admitted, u.Accepted) }

func (r *Run) applyUpdate(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionUpdateAdmitted:
		r.admitted++
		r.remember(a.Request.RequestID) // should the run end before it sees the update, the asker hears that; a late copy must not be done
		r.putUpdate(Update{Call: a.Request, Admitted: e.ID}, a.Request.UpdateID, protocol.UpdateAdmitted)
	case protocol.WorkflowExecutionUpdateAccepted:
		u := r.answeredUpdate(a.Request.UpdateID)
		u.Call.Name, u.Accepted = a.Request.Name, e.ID
		r.remember(a.Request.RequestID)
		r.putUpdate(u, a.Request.UpdateID, protocol.UpdateAccepted)
	case protocol.WorkflowExecutionUpdateCompleted:
		u, _ := r.updates.get(a.UpdateID)
		u.Outcome.Result, u.Outcome.Failure = a.Result, a.Failure
		r.putUpdate(u, a.UpdateID, protocol.UpdateCompleted)
	case protocol.WorkflowExecutionUpdateRejected:
		u := r.answeredUpdate(a.UpdateID)
		u.Outcome.Failure = a.Failure
		r.putUpdate(u, a.UpdateID, protocol.UpdateRejected)
	}
}

// answeredUpdate returns an update that the run's code has just answered for. What it was asked with is not needed any more.
func (r *Run) answeredUpdate(id string) Update {
	u, ok := r.updates.get(id)
	if ok && u.Outcome.Stage == protocol.UpdateAdmitted {
		r.admitted--
	}
	u.Call = protocol.UpdateCall{UpdateID: id, Name: u.Call.Name}
	return u
}

func (r *Run) putUpdate(u Update, id string, stage protocol.UpdateStage) {
	u.Outcome.ID, u.Outcome.Stage = id, stage
	r.updates.put(id, u)
	if stage.Final() {
		r.openUpdates.del(id)
	} else {
		r.openUpdates.put(id, struct{}{})
	}
}

// wants reports whether the run's code has something to see: an event, or an update that waits in history.
func (r *Run) wants() bool { return (r.dirty || r.admitted > 0) && !r.alone() }

// unfinished are the updates that were admitted or accepted and have not ended, in the order in which that was recorded.
func (r *Run) unfinished() []Update {
	var open []Update
	r.openUpdates.each(func(id string, _ struct{}) {
		if u, ok := r.updates.get(id); ok {
			open = append(open, u)
		}
	})
	slices.SortFunc(open, func(a, b Update) int { return cmp.Compare(a.since(), b.since()) })
	return open
}

// UpdateVerdict tells what history knows of an update.
func (r *Run) UpdateVerdict(id string) (protocol.Verdict, bool) {
	u, ok := r.updates.get(id)
	if !ok {
		return protocol.Verdict{}, false
	}
	v := protocol.Verdict{ID: r.Start.WorkflowID, Run: r.ID(), Update: &u.Outcome}
	switch {
	case r.Open() || u.Outcome.Stage.Final():
	case u.Outcome.Stage == protocol.UpdateAdmitted:
		v.Error = r.unseen(id)
	default:
		u.Outcome.Stage, u.Outcome.Failure = protocol.UpdateCompleted, &protocol.Failure{
			Message: "the workflow ended before the update completed", Source: "server",
			Application: &protocol.ApplicationFailure{Type: "AcceptedUpdateCompletedWorkflow", NonRetryable: true},
		}
	}
	return v, true
}

// updated are the updates of a record that somebody may wait for: those whose asker had its verdict in an earlier step.
func (r *Run) updated(record *protocol.Record) []protocol.Verdict {
	var verdicts []protocol.Verdict
	told := map[string]bool{}
	tell := func(id string, earlier bool) {
		if v, ok := r.UpdateVerdict(id); ok && earlier && !told[id] {
			told[id] = true
			verdicts = append(verdicts, v)
		}
	}
	first := record.Events[0].ID
	for _, e := range record.Events {
		switch a := e.Attributes.(type) {
		case protocol.WorkflowExecutionUpdateAccepted:
			u, _ := r.updates.get(a.Request.UpdateID)
			tell(u.Outcome.ID, u.Admitted != 0)
		case protocol.WorkflowExecutionUpdateCompleted:
			u, _ := r.updates.get(a.UpdateID)
			tell(u.Outcome.ID, u.Admitted != 0 || a.AcceptedID < first)
		case protocol.WorkflowExecutionUpdateRejected:
			tell(a.UpdateID, true)
		}
	}
	if !r.Open() {
		for _, u := range r.unfinished() {
			tell(u.Outcome.ID, true)
		}
	}
	return verdicts
}
