package verdict

import (
	"github.com/millrace-dev/millrace/protocol"
)

// request names something that a client asked of a workflow.
type request struct {
	workflow, id string
}

// taken are the requests that histories know: in which runs, and how often.
type taken struct {
	starts, signals, cancels map[request][]string
	updates                  map[request][]protocol.WorkflowExecutionUpdateCompleted
}

func (d *docket) taken() taken {
	t := taken{
		map[request][]string{},
		map[request][]string{},
		map[request][]string{},
		map[request][]protocol.WorkflowExecutionUpdateCompleted{},
	}
	note := func(m map[request][]string, workflow, id, run string) {
		m[request{workflow, id}] = append(m[request{workflow, id}], run)
	}
	d.each(func(h *History, r *Run) {
		for _, e := range r.Events {
			switch a := e.Attributes.(type) {
			case protocol.WorkflowExecutionStarted:
				if a.Initiator == "" { // a run that follows another one repeats its request
					note(t.starts, h.ID, a.RequestID, r.ID)
				}
			case protocol.WorkflowExecutionSignaled:
				note(t.signals, h.ID, a.RequestID, r.ID)
			case protocol.WorkflowExecutionCancelRequested:
				note(t.cancels, h.ID, a.RequestID, r.ID)
			case protocol.WorkflowExecutionUpdateCompleted:
				q := request{h.ID, a.UpdateID}
				t.updates[q] = append(t.updates[q], a)
			}
		}
	})
	return t
}

// kept judges that what was acknowledged is part of history, and what was refused is not; and that nothing is there twice.
func kept(d *docket) (found findings) {
	t := d.taken()
	registers := d.registers()
	for _, c := range d.Calls {
		if c.Answer == Refused && !(registers[c.Workflow] && mayBeRefused[c.Code]) {
			found.addf(Kept, c.Workflow, c.Run, "%s %s was refused as %s, which it must not be: %s", c.Op, c.Name, c.Code, c.Error)
			continue
		}
		switch c.Op {
		case OpStart:
			d.keptStart(&found, c, t.starts[request{c.Workflow, c.ID}])
		case OpSignal:
			keptOnce(&found, c, t.signals[request{c.Workflow, c.ID}])
		case OpCancel:
			keptOnce(&found, c, t.cancels[request{c.Workflow, c.ID}])
		case OpUpdate:
			keptUpdate(&found, c, t.updates[request{c.Workflow, c.ID}])
		case OpWait:
			d.keptResult(&found, c)
		case OpQuery: // leaves no trace
		}
	}
	return found
}

// mayBeRefused are the reasons for which a register may refuse what its clients ask for: it is open, or it is not.
var mayBeRefused = map[protocol.Code]bool{
	protocol.CodeAlreadyStarted: true, protocol.CodeClosed: true, protocol.CodeNotFound: true, CodeRejected: true,
}

// CodeRejected stands for the error of an update that the workflow's code refused.
const CodeRejected protocol.Code = "rejected"

// keptOnce judges a request that leaves one event.
func keptOnce(found *findings, c Call, runs []string) {
	switch {
	case len(runs) > 1:
		found.addf(Once, c.Workflow, runs[1], "%s %s %d was recorded %d times", c.Op, c.ID, c.Number, len(runs))
	case c.Answer == Acked && len(runs) == 0:
		found.addf(Kept, c.Workflow, c.Run, "%s %s %d was acknowledged, and no history has it", c.Op, c.ID, c.Number)
	case c.Answer == Refused && len(runs) == 1:
		found.addf(Kept, c.Workflow, runs[0], "%s %s %d was refused as %s, and was recorded", c.Op, c.ID, c.Number, c.Code)
	}
}

// keptStart judges a start: the run that its client was told of is there. One that found an open run leaves no event.
func (d *docket) keptStart(found *findings, c Call, runs []string) {
	switch {
	case len(runs) > 1:
		found.addf(Once, c.Workflow, runs[1], "start %s began %d runs", c.ID, len(runs))
	case c.Answer == Acked && d.workflows[c.Run] != c.Workflow:
		found.addf(Kept, c.Workflow, c.Run, "start %s was acknowledged, and there is no such run", c.ID)
	case c.Answer == Acked && len(runs) == 1 && runs[0] != c.Run:
		found.addf(Kept, c.Workflow, c.Run, "start %s began run %s, and its client was told another", c.ID, runs[0])
	case c.Answer == Refused && len(runs) == 1:
		found.addf(Kept, c.Workflow, runs[0], "start %s was refused as %s, and began a run", c.ID, c.Code)
	}
}

// keptUpdate judges an update: its result is recorded once, and is what its client heard.
func keptUpdate(found *findings, c Call, ends []protocol.WorkflowExecutionUpdateCompleted) {
	switch {
	case len(ends) > 1:
		found.addf(Once, c.Workflow, c.Run, "update %s was done %d times", c.ID, len(ends))
	case c.Answer == Acked && len(ends) == 0:
		found.addf(Kept, c.Workflow, c.Run, "update %s was answered, and no history has it", c.ID)
	case c.Answer == Acked && string(ends[0].Result.Data) != string(c.Got):
		found.addf(Kept, c.Workflow, c.Run, "update %s came to %s, and its client was told %s", c.ID, ends[0].Result.Data, c.Got)
	}
}

// keptResult judges what a client was told of how a workflow ended.
func (d *docket) keptResult(found *findings, c Call) {
	r := d.end(c.Run)
	if c.Answer != Acked || r == nil {
		return // of which others tell
	}
	if c.Want != "" && c.Status != c.Want {
		found.addf(Ended, c.Workflow, r.ID, "the run is %s, and was to be %s: %s", c.Status, c.Want, c.Error)
	}
	if r.Status != c.Status {
		found.addf(Kept, c.Workflow, r.ID, "the run is %s, and its client was told %s", r.Status, c.Status)
	} else if told := (protocol.Payload{Data: c.Got}); c.Status == protocol.StatusCompleted && told.Digest() != r.Result.Digest() {
		found.addf(Kept, c.Workflow, r.ID, "the run came to %s, and its client was told %.100s", r.Result, c.Got)
	}
}
