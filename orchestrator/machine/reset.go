package machine

import (
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Reset is a [protocol.ResetInput] with the history of the run that it speaks of, which its reader fetched: the machine reads nothing.
//
// The new run is a copy: the events before the step, the failure of the step, and the signals that came after it. A long history does
// not fit into one record, so the copy may take several steps; the input is consumed by the last of them, and whoever finds half a
// copy goes on with it. Nothing follows from the records before: no attempt of an activity begins and no step is taken.
type Reset struct {
	protocol.ResetInput

	Events []protocol.Event
}

// copyBytes is about how many bytes of events one record of a copy holds.
const copyBytes = 256 << 10

// takeReset drafts a part of the new run. It reports false when another step must follow with the same input.
func (t *Turn) takeReset(in protocol.Input, b Reset) bool {
	switch started, err := b.step(); {
	case t.run != nil && t.run.isReset(b.RequestID) && !t.run.copying():
		t.accept(in) // the same request again
	case b.NewRun == "":
		t.refuse(in, protocol.Errorf(protocol.CodeBadRequest, "a reset needs the ID of the new run").WithHint("make up a UUID"))
	case b.ofActivity():
		t.refuse(in, protocol.Errorf(protocol.CodeBadRequest, "%q is an activity that runs alone: it has no steps", t.w.ID).
			WithHint("reset the activity: `millrace activity reset ID 1`"))
	case err != nil:
		t.refuse(in, err)
	case t.run.Open() && !t.run.isReset(b.RequestID):
		t.event(protocol.WorkflowExecutionTerminated{
			Reason: b.why(), Identity: b.Identity, NewRunID: b.NewRun, ResetID: b.repeats(t.run, started),
		})
		return false
	default:
		return t.copy(in, b, started)
	}
	return true
}

// step finds the WorkflowTaskStarted of the step to take anew.
func (b Reset) step() (started int64, err *protocol.Error) {
	for i, e := range b.Events {
		if e.ID != b.Event {
			continue
		}
		switch a := e.Attributes.(type) {
		case protocol.WorkflowTaskStarted:
			return e.ID, nil
		case protocol.WorkflowTaskCompleted:
			return a.StartedID, nil
		case protocol.WorkflowTaskFailed:
			return a.StartedID, nil
		case protocol.WorkflowTaskTimedOut:
			return a.StartedID, nil
		}
		return 0, protocol.Errorf(protocol.CodeBadRequest, "event %d is %s, which is no step", b.Event, b.Events[i].Type()).
			WithHint("name a WorkflowTaskCompleted: `millrace show ID` lists them")
	}
	return 0, protocol.Errorf(protocol.CodeBadRequest, "the run has %d events and no event %d", len(b.Events), b.Event).
		WithHint("name a WorkflowTaskCompleted: `millrace show ID` lists them")
}

func (b Reset) ofActivity() bool {
	if len(b.Events) == 0 {
		return false
	}
	s, ok := b.Events[0].Attributes.(protocol.WorkflowExecutionStarted)
	return ok && s.Activity != nil
}

func (b Reset) why() string {
	why := fmt.Sprintf("reset to event %d", b.Event)
	if b.Reason != "" {
		why += ": " + b.Reason
	}
	return why
}

// copy drafts the next part of the copy.
func (t *Turn) copy(in protocol.Input, b Reset, started int64) bool {
	if !t.run.Open() {
		t.run = t.follower()
	}
	size := 0
	for _, e := range b.Events[t.run.LastEvent:started] {
		if size += sizeOf(e); size > copyBytes && len(t.events) > 0 {
			return false
		}
		if first, ok := e.Attributes.(protocol.WorkflowExecutionStarted); ok {
			first.PreviousRunID, first.FirstRunID, first.OriginalRunID = first.RunID, firstRun(&first), original(first)
			first.RunID, first.Reset = b.NewRun, &protocol.ResetPoint{Run: first.RunID, Event: b.Event, RequestID: b.RequestID}
			e.Attributes = first
		}
		t.run.apply(e)
		t.events = append(t.events, e)
	}
	t.event(protocol.WorkflowTaskFailed{
		ScheduledID: scheduledBy(b.Events[started-1]), StartedID: started, Cause: protocol.CauseReset,
		Failure: &protocol.Failure{Message: b.why(), Source: "server"}, NewRunID: b.NewRun, Identity: b.Identity,
	})
	if !b.DropSignals {
		t.repeat(b.Events[started:])
	}
	// The step itself is another record's: a worker gets the history of a run from its records, and this copy is none yet.
	t.event(protocol.WorkflowTaskScheduled{Queue: t.run.callQueue(), Timeout: t.run.taskTimeout(), Attempt: 1})
	t.copied = true
	t.accept(in)
	return true
}

func sizeOf(e protocol.Event) int {
	data, err := protocol.Marshal(e)
	if err != nil {
		return 0 // it was read from history
	}
	return len(data)
}

// repeats is how far the new run repeats the one that is open: it may be a copy of an earlier run.
func (b Reset) repeats(open *Run, started int64) int64 {
	if first, ok := b.Events[0].Attributes.(protocol.WorkflowExecutionStarted); ok && first.RunID == open.ID() {
		return started
	}
	return 0
}

// original is the run whose beginning a copy repeats, however often it was copied.
func original(s protocol.WorkflowExecutionStarted) string {
	if s.OriginalRunID != "" {
		return s.OriginalRunID
	}
	return s.RunID
}

func scheduledBy(e protocol.Event) int64 {
	if a, ok := e.Attributes.(protocol.WorkflowTaskStarted); ok {
		return a.ScheduledID
	}
	return 0
}

// repeat drafts what the world told the run: the signals among the events, and the updates, which the code decides on anew.
func (t *Turn) repeat(events []protocol.Event) {
	rejected := rejectedIn(events)
	for _, e := range events {
		switch a := e.Attributes.(type) {
		case protocol.WorkflowExecutionSignaled:
			t.event(a)
		case protocol.WorkflowExecutionUpdateAdmitted:
			t.readmit(a.Request, rejected)
		case protocol.WorkflowExecutionUpdateAccepted:
			t.readmit(a.Request, rejected)
		}
	}
}

// isReset reports whether the run was made by this request.
func (r *Run) isReset(request string) bool {
	return r != nil && request != "" && r.Start.Reset != nil && r.Start.Reset.RequestID == request
}

// copying reports whether the run is a copy that is not finished: it must not do anything yet.
func (r *Run) copying() bool { return r != nil && r.Start.Reset != nil && !r.copied }

// Copying reports whether the run is a copy that is not finished: what it is a copy of is still needed.
func (r *Run) Copying() bool { return r.copying() }

// pending lists every activity that has not ended: the attempts that begin when a copy is finished.
func (r *Run) pending() []protocol.ActivityTask {
	var tasks []protocol.ActivityTask
	r.activities.each(func(_ int64, a Activity) { tasks = append(tasks, r.activityTask(a)) })
	slices.SortFunc(tasks, func(a, b protocol.ActivityTask) int { return int(a.ScheduledID - b.ScheduledID) })
	return tasks
}

// finishesCopy reports whether the record made the run whole.
func finishesCopy(record *protocol.Record) bool {
	return slices.ContainsFunc(record.Events, func(e protocol.Event) bool {
		f, ok := e.Attributes.(protocol.WorkflowTaskFailed)
		return ok && f.Cause == protocol.CauseReset
	})
}
