package verdict

import (
	"fmt"
	"reflect"

	"github.com/millrace-dev/millrace/protocol"
)

// legal judges that each event may follow those before it: what ends was begun and ends once, what the code asked for follows from a step
// that was completed, and nothing follows the end. The state machine itself takes whatever history says, so this is a second opinion.
func legal(d *docket) (found findings) {
	d.each(func(h *History, r *Run) {
		l := &lawyer{state: map[thing]state{}}
		for _, e := range r.Events {
			if err := l.judge(e.Event); err != "" {
				invariant := Legal
				if what, _ := ends(e.Attributes); what.kind == activityThing {
					invariant = Once
				}
				found.addf(invariant, h.ID, r.ID, "event %d, %s, %s", e.ID, e.Type(), err)
			}
		}
	})
	return found
}

// thing is what an event begins and others end, named by the event that began it.
type thing struct {
	kind string
	id   int64
}

// Kinds of things.
const (
	activityThing = "activity"
	timerThing    = "timer"
	taskThing     = "workflow task"
	childThing    = "child"
	externalThing = "request to another workflow"
	updateThing   = "update"
)

type state int

const (
	unknown state = iota
	begun
	over
)

// lawyer knows what is open in a run.
type lawyer struct {
	state     map[thing]state
	task      int64 // the workflow task that is open
	completed int64 // the last WorkflowTaskCompleted
	closed    bool
}

// judge says what is wrong with an event, if anything is.
func (l *lawyer) judge(e protocol.Event) (wrong string) {
	if l.closed {
		return "comes after the end of the run"
	}
	_, first := e.Attributes.(protocol.WorkflowExecutionStarted)
	if first != (e.ID == 1) {
		return "is not what a run begins with"
	}
	if wrong = l.judgeTask(e); wrong == "" {
		wrong = l.judgeCommand(e)
	}
	if what, ok := begins(e); ok {
		l.state[what] = begun
	}
	if what, ok := ends(e.Attributes); ok {
		switch l.state[what] {
		case unknown:
			wrong = fmt.Sprintf("ends %s %d, which nobody began", what.kind, what.id)
		case over:
			wrong = fmt.Sprintf("ends %s %d, which had ended", what.kind, what.id)
		case begun:
		}
		l.state[what] = over
	}
	s := protocol.StatusAfter(e.Attributes)
	l.closed = s.Closed()
	return wrong
}

// judgeTask judges the events of workflow tasks: scheduled, started, over, one at a time.
func (l *lawyer) judgeTask(e protocol.Event) (wrong string) {
	switch a := e.Attributes.(type) {
	case protocol.WorkflowTaskScheduled:
		if l.task != 0 {
			wrong = fmt.Sprintf("comes while workflow task %d is open", l.task)
		}
		l.task = e.ID
	case protocol.WorkflowTaskStarted:
		if a.ScheduledID != l.task {
			wrong = fmt.Sprintf("starts workflow task %d, and %d is open", a.ScheduledID, l.task)
		}
	case protocol.WorkflowTaskCompleted:
		l.task, l.completed = 0, e.ID
	case protocol.WorkflowTaskFailed, protocol.WorkflowTaskTimedOut:
		l.task = 0
	}
	return wrong
}

// judgeCommand judges the event of something that the code asked for.
func (l *lawyer) judgeCommand(e protocol.Event) (wrong string) {
	if by := completedBy(e.Attributes); by != 0 && by != l.completed {
		wrong = fmt.Sprintf("says that it follows from event %d, and the last step was completed by %d", by, l.completed)
	}
	return wrong
}

// completedBy is the WorkflowTaskCompleted that an event says it follows from; zero when it says none. Every such event has it in a field
// of that name.
func completedBy(a protocol.EventAttributes) int64 {
	if f := reflect.ValueOf(a).FieldByName("TaskCompletedID"); f.IsValid() {
		return f.Int()
	}
	return 0
}

// begins is what an event begins.
func begins(e protocol.Event) (thing, bool) {
	kind := ""
	switch e.Attributes.(type) {
	case protocol.ActivityTaskScheduled:
		kind = activityThing
	case protocol.TimerStarted:
		kind = timerThing
	case protocol.WorkflowTaskScheduled:
		kind = taskThing
	case protocol.StartChildWorkflowExecutionInitiated:
		kind = childThing
	case protocol.SignalExternalWorkflowExecutionInitiated, protocol.RequestCancelExternalWorkflowExecutionInitiated:
		kind = externalThing
	case protocol.WorkflowExecutionUpdateAccepted:
		kind = updateThing
	}
	return thing{kind, e.ID}, kind != ""
}

// ends is what an event ends.
func ends(a protocol.EventAttributes) (thing, bool) {
	if end, ok := protocol.ChildEnded(a); ok {
		return thing{childThing, end.InitiatedID}, true
	}
	switch a := a.(type) {
	case protocol.ActivityTaskCompleted:
		return thing{activityThing, a.ScheduledID}, true
	case protocol.ActivityTaskFailed:
		return thing{activityThing, a.ScheduledID}, true
	case protocol.ActivityTaskTimedOut:
		return thing{activityThing, a.ScheduledID}, true
	case protocol.ActivityTaskCanceled:
		return thing{activityThing, a.ScheduledID}, true
	case protocol.TimerFired:
		return thing{timerThing, a.StartedID}, true
	case protocol.TimerCanceled:
		return thing{timerThing, a.StartedID}, true
	case protocol.WorkflowTaskCompleted:
		return thing{taskThing, a.ScheduledID}, true
	case protocol.WorkflowTaskFailed:
		return thing{taskThing, a.ScheduledID}, true
	case protocol.WorkflowTaskTimedOut:
		return thing{taskThing, a.ScheduledID}, true
	case protocol.StartChildWorkflowExecutionFailed:
		return thing{childThing, a.InitiatedID}, true
	case protocol.ExternalWorkflowExecutionSignaled:
		return thing{externalThing, a.InitiatedID}, true
	case protocol.SignalExternalWorkflowExecutionFailed:
		return thing{externalThing, a.InitiatedID}, true
	case protocol.ExternalWorkflowExecutionCancelRequested:
		return thing{externalThing, a.InitiatedID}, true
	case protocol.RequestCancelExternalWorkflowExecutionFailed:
		return thing{externalThing, a.InitiatedID}, true
	case protocol.WorkflowExecutionUpdateCompleted:
		return thing{updateThing, a.AcceptedID}, true
	}
	return thing{}, false
}
