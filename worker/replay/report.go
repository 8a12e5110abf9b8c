package replay

import (
	"cmp"
	"fmt"
	"path"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/millrace-dev/millrace/protocol"
)

// mismatch fails the run with both sides of the step, next to each other.
func (r *Run) mismatch(recorded []protocol.Event) {
	commands := r.turn.commands
	n := max(len(recorded), len(commands))
	history, code := make([]string, n+1), make([]string, n+1)
	history[0], code[0] = "history", "code"
	first := n
	for i := range n {
		same := i < len(recorded) && i < len(commands) && r.matches(recorded[i], commands[i])
		if !same && first == n {
			first = i
		}
		history[i+1], code[i+1] = "-", "-"
		if i < len(recorded) {
			history[i+1] = fmt.Sprintf("%d %s", recorded[i].ID, r.showEvent(recorded[i].Attributes))
		}
		if i < len(commands) {
			code[i+1] = r.showCommand(commands[i])
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the workflow's code no longer fits its history: in the step that began with event %d,\n", r.turn.started)
	fmt.Fprintf(&b, "command %d (marked >) is not the one that was recorded\n\n", first+1)
	columns(&b, history, code, first+1)
	b.WriteString("\nthe code was changed while this run was open, or it uses a map's order, the clock, chance or goroutines")
	r.fail(protocol.CauseNonDeterministic, &protocol.Failure{
		Message: b.String(), Source: "go", Application: &protocol.ApplicationFailure{Type: string(protocol.CauseNonDeterministic)},
	})
}

// explain replays a history that the code does not fit once more, in a run that notes where its code asks for what it does. Code that does
// something else each time is shown as it was the first time, without the places.
func (r *Run) explain(events []protocol.Event, updates []protocol.UpdateCall) {
	again := New(r.program)
	again.explains = true
	defer again.Close()
	if a := again.Step(events, updates...); a.Cause == r.broken.Cause {
		r.broken.Failure = a.Failure
	}
}

// columns writes two columns of equal length, with a mark before one of the lines.
func columns(b *strings.Builder, left, right []string, mark int) {
	width := 0
	for _, s := range left {
		width = max(width, utf8.RuneCountInString(s))
	}
	for i, s := range left {
		lead := "  "
		if i == mark {
			lead = "> "
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%s%-*s | %s", lead, width, s, right[i]), " "))
		b.WriteByte('\n')
	}
}

func (r *Run) showEvent(attributes protocol.EventAttributes) string {
	switch a := attributes.(type) {
	case protocol.ActivityTaskScheduled:
		return showActivity(a.ActivityID, a.ActivityType, a.Queue, a.Input)
	case protocol.ActivityTaskCancelRequested:
		if op := r.activities[a.ScheduledID]; op != nil {
			return "cancel activity " + op.id
		}
		return fmt.Sprintf("cancel activity of event %d", a.ScheduledID)
	case protocol.TimerStarted:
		return showTimer(a.TimerID, a.StartToFire)
	case protocol.TimerCanceled:
		return "cancel timer " + a.TimerID
	case protocol.StartChildWorkflowExecutionInitiated:
		return showChild(a.WorkflowID, a.WorkflowType, a.Queue, a.Input)
	case protocol.SignalExternalWorkflowExecutionInitiated:
		return showSignal(a.WorkflowID, a.SignalName, a.Input)
	case protocol.RequestCancelExternalWorkflowExecutionInitiated:
		return showCancel(a.WorkflowID, a.ChildInitiatedID)
	case protocol.WorkflowExecutionUpdateAccepted:
		return "accept update " + a.Request.UpdateID + " " + a.Request.Name
	case protocol.WorkflowExecutionUpdateCompleted:
		return showUpdateEnd(a.UpdateID, a.Result, a.Failure)
	case protocol.WorkflowExecutionUpdateRejected:
		return "reject update " + a.UpdateID
	case protocol.WorkflowExecutionCompleted:
		return "complete " + showPayload(a.Result)
	case protocol.WorkflowExecutionFailed:
		return "fail: " + showFailure(a.Failure)
	case protocol.WorkflowExecutionCanceled:
		return "canceled"
	case protocol.MarkerRecorded:
		return showMarker(a.Name, a.ID)
	case protocol.WorkflowPropertiesModified:
		return "set the memo"
	case protocol.WorkflowSearchAttributesUpserted:
		return "set search attributes"
	case protocol.WorkflowExecutionContinuedAsNew:
		return showNext(a.WorkflowType, a.Queue, a.Input)
	}
	return string(attributes.EventType())
}

func (r *Run) showCommand(c *command) string {
	var s string
	switch a := c.attributes.(type) {
	case protocol.ScheduleActivityTask:
		s = showActivity(a.ActivityID, a.ActivityType, r.queue(a.Queue), a.Input)
	case protocol.RequestCancelActivityTask:
		s = "cancel activity " + a.ActivityID
	case protocol.StartTimer:
		s = showTimer(a.TimerID, a.StartToFire)
	case protocol.CancelTimer:
		s = "cancel timer " + a.TimerID
	case protocol.StartChildWorkflowExecution:
		s = showChild(a.WorkflowID, a.WorkflowType, r.queue(a.Queue), a.Input)
	case protocol.SignalExternalWorkflowExecution:
		s = showSignal(a.WorkflowID, a.SignalName, a.Input)
	case protocol.RequestCancelExternalWorkflowExecution:
		s = showCancel(a.WorkflowID, a.ChildInitiatedID)
	case protocol.AcceptUpdate:
		s = "accept update " + a.UpdateID
	case protocol.CompleteUpdate:
		s = showUpdateEnd(a.UpdateID, a.Result, a.Failure)
	case protocol.RejectUpdate:
		s = "reject update " + a.UpdateID
	case protocol.CompleteWorkflowExecution:
		s = "complete " + showPayload(a.Result)
	case protocol.FailWorkflowExecution:
		s = "fail: " + showFailure(a.Failure)
	case protocol.CancelWorkflowExecution:
		s = "canceled"
	case protocol.RecordMarker:
		s = showMarker(a.Name, a.ID)
	case protocol.ModifyWorkflowProperties:
		s = "set the memo"
	case protocol.UpsertWorkflowSearchAttributes:
		s = "set search attributes"
	case protocol.ContinueAsNewWorkflowExecution:
		s = showNext(cmp.Or(a.WorkflowType, r.info.Type), r.queue(a.Queue), a.Input)
	}
	if at := c.where(); at != "" {
		s += "  at " + at
	}
	return s
}

func showActivity(id, typ, queue string, input protocol.Payload) string {
	return fmt.Sprintf("activity %s %s(%s) on %s", id, typ, showPayload(input), queue)
}

func showNext(typ, queue string, input protocol.Payload) string {
	return fmt.Sprintf("continue as new %s(%s) on %s", typ, showPayload(input), queue)
}

func showMarker(name, id string) string { return "marker " + name + " " + id }
func showChild(id, typ, queue string, input protocol.Payload) string {
	return fmt.Sprintf("child %s %s(%s) on %s", id, typ, showPayload(input), queue)
}

func showSignal(id, name string, input protocol.Payload) string {
	return strings.TrimRight(fmt.Sprintf("signal %s to workflow %s %s", name, id, showPayload(input)), " ")
}

func showCancel(id string, child int64) string {
	if child != 0 {
		return fmt.Sprintf("cancel child of event %d", child)
	}
	return "cancel workflow " + id
}

func showTimer(id string, d protocol.Duration) string { return fmt.Sprintf("timer %s of %s", id, d) }

func showUpdateEnd(id string, result protocol.Payload, f *protocol.Failure) string {
	if f != nil {
		return "fail update " + id + ": " + showFailure(f)
	}
	return "complete update " + id + " " + showPayload(result)
}

// showPayload is short but tells two values apart: the beginning and the digest.
func showPayload(p protocol.Payload) string {
	if p.IsZero() {
		return ""
	}
	s := p.String()
	if cut := 24; len(s) > cut {
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	digest := p.Digest()
	return s + " #" + digest[:min(8, len(digest))]
}

func showFailure(f *protocol.Failure) string {
	if f == nil {
		return "?"
	}
	line, _, _ := strings.Cut(f.Error(), "\n")
	return line
}

// Frames of these packages are not the author's.
const (
	replayPackage   = "github.com/millrace-dev/millrace/worker/replay."
	workflowPackage = "github.com/millrace-dev/millrace/worker/workflow."
)

// where finds the line of workflow code that made the command; empty when it was made on nobody's line, as by the
// workflow's return or a cancel request.
func (c *command) where() string {
	frames := runtime.CallersFrames(c.callers)
	for {
		f, more := frames.Next()
		switch {
		case f.Function == replayPackage+"(*Run).applied":
			return ""
		case strings.HasPrefix(f.Function, "iter."), strings.HasPrefix(f.Function, "runtime."):
			return ""
		case isAuthors(f):
			return line(f)
		}
		if !more {
			return ""
		}
	}
}

// isAuthors reports whether a frame is of code that is not ours.
func isAuthors(f runtime.Frame) bool {
	return f.File != "" && !strings.HasPrefix(f.Function, replayPackage) && !strings.HasPrefix(f.Function, workflowPackage)
}

func line(f runtime.Frame) string {
	dir, file := path.Split(f.File)
	return fmt.Sprintf("%s/%s:%d", path.Base(dir), file, f.Line)
}
