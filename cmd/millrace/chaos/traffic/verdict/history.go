package verdict

import (
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// History is what lies on the subject of a workflow ID: its runs, one after the other.
type History struct {
	ID   string
	Runs []*Run
}

// Run is a run as its records tell it.
type Run struct {
	ID     string
	Start  protocol.WorkflowExecutionStarted
	Events []Event
	// Status is that after the last event, Result what the run came to, and Next the run that is to follow; empty if none is.
	Status protocol.Status
	Result protocol.Payload
	Next   string
	// Blobs are the objects that the run's records refer to.
	Blobs []string
}

// Event is an event, and where and when the server stored it.
type Event struct {
	protocol.Event

	Seq    uint64
	Stored time.Time
}

// Last is the latest run.
func (h *History) Last() *Run { return h.Runs[len(h.Runs)-1] }

// read reads the records of a workflow. It goes on after a record that does not follow, so that the other judges see the rest.
func read(id string, entries []protocol.Entry) (*History, findings) {
	var found findings
	h, state, nonces := &History{ID: id}, machine.New(id), map[string]uint64{}
	for _, e := range entries {
		record, err := decode(e)
		if err != nil {
			found.addf(Chained, id, "", "record %d cannot be read: %v", e.Seq, err)
			continue
		}
		if before, known := nonces[record.Nonce]; known {
			found.addf(Chained, id, record.Run, "records %d and %d are the same step %s", before, e.Seq, record.Nonce)
		}
		nonces[record.Nonce] = e.Seq
		open := state.Run
		if err := state.Apply(e.Seq, protocol.Digest(e.Data), record); err != nil {
			if record.Step == 1 && open.Open() {
				found.addf(Single, id, record.Run, "the run begins while run %s is open", open.ID())
			} else {
				found.addf(Chained, id, record.Run, "record %d: %v", e.Seq, err)
			}
		}
		h.add(e, record)
	}
	return h, found
}

func decode(e protocol.Entry) (*protocol.Record, error) {
	data, err := protocol.Unpack(e.Data)
	if err != nil {
		return nil, err
	}
	var r protocol.Record
	if err := protocol.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	r.Size, r.Blobs = len(data), protocol.BlobNames(data)
	return &r, nil
}

// add adds a record's events to its run.
func (h *History) add(e protocol.Entry, r *protocol.Record) {
	if n := len(h.Runs); n == 0 || h.Runs[n-1].ID != r.Run {
		h.Runs = append(h.Runs, &Run{ID: r.Run})
	}
	run := h.Last()
	run.Blobs = append(run.Blobs, r.Blobs...)
	for _, ev := range r.Events {
		run.take(ev)
		run.Events = append(run.Events, Event{Event: ev, Seq: e.Seq, Stored: e.Time})
	}
}

// take notes what an event says of the run as a whole. The state machine would know as well, but not of a history that is broken.
func (r *Run) take(e protocol.Event) {
	if s := protocol.StatusAfter(e.Attributes); s != "" {
		r.Status = s
	}
	switch a := e.Attributes.(type) {
	case protocol.WorkflowExecutionStarted:
		r.Start = a
	case protocol.WorkflowExecutionCompleted:
		r.Result = a.Result
	case protocol.WorkflowExecutionContinuedAsNew:
		r.Next = a.NewRunID
	case protocol.WorkflowExecutionFailed:
		r.Next = a.NewRunID
	case protocol.WorkflowExecutionTimedOut:
		r.Next = a.NewRunID
	case protocol.WorkflowExecutionTerminated:
		r.Next = a.NewRunID
	}
}

// attributes are those of the run's events that are of a type.
func attributes[A protocol.EventAttributes](r *Run) []A {
	var all []A
	for _, e := range r.Events {
		if a, ok := e.Attributes.(A); ok {
			all = append(all, a)
		}
	}
	return all
}
