package machine

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Workflow is what history says about a workflow ID: its latest run, and where the next record goes.
type Workflow struct {
	// ID is the workflow ID.
	ID string
	// Run is the latest run; nil when there has been none.
	Run *Run
	// Seq is the sequence of the last record on the workflow's subject, and Digest its digest.
	Seq    uint64
	Digest string
	// LastInput is the highest inbox sequence that a record consumed. Inputs of one workflow are handled in inbox order,
	// so every input up to it has been decided.
	LastInput uint64

	// Volatile: inputs that were decided without an event of their own (a refused start, a failed attempt that is tried
	// again). The next record lists them as consumed, so that none is decided twice and differently.
	decided []uint64
	// Volatile: the attempt of a failing workflow task beyond the recorded first failure, and when it is due.
	taskAttempt int
	taskDue     time.Time
	taskFailure *protocol.PendingTask
}

// New returns a workflow without history.
func New(id string) *Workflow { return &Workflow{ID: id} }

// Apply folds a record that lies at the given sequence into the workflow. A record that does not follow the one before it
// is an error of code corrupt: stored data was damaged, and going on would be acting as if nothing had happened.
func (w *Workflow) Apply(seq uint64, digest string, r *protocol.Record) error {
	if err := w.check(r); err != nil {
		return err
	}
	if r.Step == 1 {
		w.Run = emptyRun()
		w.Run.First = seq
		w.Run.carry(r.Requests)
		w.forgetTask()
	}
	w.Run.Step = r.Step
	w.Run.Size += int64(r.Size)
	for _, e := range r.Events {
		w.Run.apply(e)
		if _, ok := e.Attributes.(protocol.WorkflowTaskCompleted); ok {
			w.Run.Base = r.Nonce
			w.forgetTask()
		}
	}
	if w.Run.Open() {
		w.Run.Tail = unseen(w.Run.Tail, r.Events)
	}
	w.Seq, w.Digest, w.decided = seq, digest, nil
	w.LastInput = max(w.LastInput, r.LastInput)
	if n := len(r.Inputs); n > 0 {
		w.LastInput = max(w.LastInput, slices.Max(r.Inputs))
	}
	return nil
}

func (w *Workflow) forgetTask() { w.taskAttempt, w.taskDue, w.taskFailure = 0, time.Time{}, nil }

// check reports a record that cannot follow what was applied so far.
func (w *Workflow) check(r *protocol.Record) error {
	corrupt := func(format string, args ...any) error {
		return protocol.Errorf(protocol.CodeCorrupt, "workflow %q: "+format, append([]any{w.ID}, args...)...).
			WithHint("restore the history stream from a backup; the workflow is quarantined until then")
	}
	switch {
	case r.Version != protocol.RecordVersion:
		return protocol.Errorf(protocol.CodeUnsupported, "workflow %q: record version %d, this node reads %d",
			w.ID, r.Version, protocol.RecordVersion).WithHint("upgrade this node")
	case r.Workflow != w.ID:
		return corrupt("a record of workflow %q lies on its subject", r.Workflow)
	case len(r.Events) == 0:
		return corrupt("step %d of run %s has no events", r.Step, r.Run)
	case w.Seq != 0 && r.Prev != w.Digest:
		return corrupt("step %d of run %s does not follow the record before it", r.Step, r.Run)
	case r.Step == 1:
		_, ok := r.Events[0].Attributes.(protocol.WorkflowExecutionStarted)
		if !ok || r.Events[0].ID != 1 || w.Run.Open() {
			return corrupt("run %s does not begin as a run must", r.Run)
		}
	case w.Run == nil || r.Run != w.Run.ID() || r.Step != w.Run.Step+1 || r.Events[0].ID != w.Run.LastEvent+1:
		return corrupt("step %d of run %s is out of order", r.Step, r.Run)
	}
	for i, e := range r.Events {
		if e.ID != r.Events[0].ID+int64(i) {
			return corrupt("event %d of run %s is out of order", e.ID, r.Run)
		}
	}
	return nil
}

// Consumed reports whether an input of this inbox sequence was decided in a recorded step: it was delivered again, and
// only its effects need a look.
func (w *Workflow) Consumed(seq uint64) bool { return seq != 0 && seq <= w.LastInput }

// Forgot reports whether a recorded step consumed the input and nothing in history tells what became of it, although somebody
// waits for an answer: an update that was rejected leaves no trace. It can be taken once more.
func (w *Workflow) Forgot(in protocol.Input) bool {
	if _, ok := in.Body.(protocol.UpdateInput); !ok || in.Reply == "" {
		return false
	}
	_, known := w.Again(in)
	return !known
}

// Wakeup is when the run must look at itself again even if nothing arrives, or the zero time.
func (w *Workflow) Wakeup() time.Time {
	if !w.Run.Open() || w.Run.copying() {
		return time.Time{}
	}
	at := w.Run.deadlines.next(func(d deadline) bool {
		a, ok := w.Run.activities.get(d.event)
		return ok && a.expects(d.at) || w.Run.timers.has(d.event)
	})
	limit, _ := w.Run.deadline()
	for _, t := range []time.Time{limit, w.Run.notBefore, w.TaskDue()} {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// TaskDue is when a failed workflow task is tried again, or the zero time.
func (w *Workflow) TaskDue() time.Time {
	switch {
	case !w.Run.Open() || !w.Run.wants() || w.Run.paused != nil:
		return time.Time{}
	case !w.taskDue.IsZero():
		return w.taskDue
	case w.Run.TaskScheduled == 0 && !w.Run.taskFailed.IsZero():
		return w.Run.taskFailed.Add(taskBackoff(1))
	}
	return time.Time{}
}

// MaxTaskBackoff is the longest wait between two attempts of a workflow task. How many there were is known in memory only.
const MaxTaskBackoff = 30 * time.Second

// taskBackoff is the wait after the given failed attempt of a workflow task: 1 s, doubling, at most 30 s.
func taskBackoff(attempt int) time.Duration {
	if attempt > 5 {
		return MaxTaskBackoff
	}
	return time.Second << (attempt - 1)
}

// attempt is the number of the next workflow task's attempt.
func (w *Workflow) attempt() int {
	switch {
	case w.taskAttempt > 0:
		return w.taskAttempt
	case w.Run != nil && w.Run.TaskFailure != nil:
		return w.Run.TaskFailure.Attempt
	}
	return 1
}

// Note remembers what a step came to that its record, if any, does not tell: attempts that wait or go to their queue, inputs that were
// decided without a record, and when a failed workflow task is due again. Call it after Apply. All of it is volatile: the durable state
// of a waiting retry is its scheduled message, so that retries add nothing to history.
func (w *Workflow) Note(r Ready) {
	for _, retry := range r.Retries {
		w.noteRetry(retry.Task, retry.At)
	}
	for _, task := range r.Resumed {
		w.noteRetry(task, time.Time{})
	}
	w.decided = append(w.decided, r.Decided...)
	if t := r.TaskRetry; t != nil {
		w.taskAttempt, w.taskDue = t.Attempt, t.At
		if t.Failure != nil {
			w.taskFailure = t.Failure
		}
	}
}

// noteRetry remembers that the next attempt of an activity waits until at; zero says that the wait is over.
func (w *Workflow) noteRetry(task protocol.ActivityTask, at time.Time) {
	if w.Run == nil || w.Run.ID() != task.Run || task.HandedTo != "" { // what was handed over is watched, and does not wait
		return
	}
	if a, ok := w.Run.activities.get(task.ScheduledID); ok && a.number() <= task.Number() {
		a.Attempt, a.Forgiven, a.LastFailure, a.NextAttempt = task.Attempt, task.Forgiven, task.LastFailure, at
		w.Run.activities.put(task.ScheduledID, a)
	}
}
