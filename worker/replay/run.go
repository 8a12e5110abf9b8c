package replay

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Program is a workflow's code as a run sees it: it turns the run's input into its result. It is called once, in the
// run's root coroutine; when it returns, the run is closed and every other coroutine is unwound.
type Program func(env *Env, input protocol.Payload) (protocol.Payload, error)

// Answer is what a step gives: the commands of the code, in order, or why the step could not be taken.
type Answer struct {
	Commands []protocol.Command
	// Rejections are the updates that the code refused and that history does not know.
	Rejections []protocol.UpdateRejection
	// Unchanged says that the step had nothing but updates, and that all of them were refused: it will not be recorded, and the
	// run stands where it stood before.
	Unchanged bool
	// Failure, when set, says that the step failed; Cause classifies it. The run is then unusable: close it, and
	// replay the history with a new one.
	Failure *protocol.Failure
	Cause   protocol.TaskFailedCause
	// Local, when not empty, are activities to run before the step is over: it goes on with [Run.EndLocal], and the rest of the
	// answer does not count yet.
	Local []LocalActivity
}

// Run is one run of a workflow, alive in memory. Create it with [New] and give it up with [Run.Close].
type Run struct {
	program Program
	env     Env
	info    Info
	seed    string

	last      int64            // ID of the last event seen
	scheduled int64            // ID of the last WorkflowTaskScheduled
	inputs    []protocol.Event // seen by the run, not yet by the code
	turn      turn
	spare     []*command // empty, for the next turn's
	broken    *Answer    // the step that failed

	sched           scheduler
	activities      map[int64]*Operation // by the ID of their scheduling event, until they end
	timers          map[string]*Operation
	children        map[int64]*Child    // by the ID of the event that asked for them, until they end
	externals       map[int64]*External // likewise, until they are answered
	nextActivity    int
	nextTimer       int
	nextSideEffect  int
	nextLocal       int
	locals          []*local
	mutables        map[string]*mutable
	versions        map[string]int
	nextChild       int
	mailboxes       map[string]*Mailbox
	handlers        map[string]UpdateHandler
	admitted        map[string]bool // updates that wait in history, by ID
	openUpdates     int             // accepted, and their handlers have not returned
	reader          string          // what runs that may only read: a validator or a query's handler; empty: nothing
	queries         map[string]QueryHandler
	arrivals        int // of signals
	cancelRequested bool
	onCancel        []func()
	afterInputs     []func()

	closed bool // the program returned, or the run was ended from outside
	over   bool // Close was called

	explains bool // it is there to show where its code and the history part: see [Run.explain]
	blind    bool // nobody notes where the code asks for things
}

// turn is the step that the code is in, or the last one it took.
type turn struct {
	started   int64 // ID of its WorkflowTaskStarted
	size      int64 // what that says of the history before it
	suggest   bool
	now       time.Time
	replaying bool
	commands  []*command
	carried   int   // bytes of values in them
	marks     marks // what the code wrote down when the step was recorded
	inputs    int   // events that the step showed to the code
	updates   int   // and updates
	// rejections are the updates that the code refused without a trace.
	rejections []protocol.UpdateRejection
	// before is the last event before the step, and unchanged says that the run stands there still.
	before    int64
	unchanged bool
	// open says that the code has taken the step and its WorkflowTaskCompleted has not been seen yet.
	open bool
}

// New returns a run that has seen nothing yet.
func New(p Program) *Run {
	r := &Run{program: p}
	r.env.run = r
	return r
}

// with puts something into a map of a run, which is made when something is put there first: most runs have use for one or two of them.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	if m == nil {
		m = make(map[K]V)
	}
	m[key] = value
	return m
}

// LastEvent is the ID of the last event that the run has seen.
func (r *Run) LastEvent() int64 { return r.last }

// Closed reports whether the run has ended: its program returned, or an event says that it was ended from outside.
func (r *Run) Closed() bool { return r.closed }

// Close unwinds every coroutine, running the deferred calls of the workflow's code. What that code asks for meanwhile is
// ignored. Close may be called any number of times.
func (r *Run) Close() {
	r.over = true
	r.unwind()
}

// Step feeds the events that follow the last one seen and takes the steps they ask for. A step that was recorded as
// completed is replayed and compared; a WorkflowTaskStarted at the very end is the step to take now, and the answer
// carries its commands. A WorkflowTaskStarted that was followed by anything else never reached the code: its inputs wait
// for the next one. Panics of workflow code come back as the answer's failure. The updates belong to the step to take now.
func (r *Run) Step(events []protocol.Event, updates ...protocol.UpdateCall) Answer {
	if r.broken == nil && r.over {
		r.fail(protocol.CauseWorkflowPanic, &protocol.Failure{Message: "the run was closed: replay its history with a new one"})
	}
	r.blind = r.last == 0 && !r.explains
	for rest := events; r.broken == nil && len(rest) > 0; {
		rest = r.feed(rest, updates)
	}
	if r.blind && r.broken != nil && r.broken.Cause == protocol.CauseNonDeterministic {
		r.explain(events, updates)
	}
	return r.state()
}

// state is the answer to the step that the run is in.
func (r *Run) state() Answer {
	switch {
	case r.broken != nil:
		return *r.broken
	case r.turn.open && len(r.locals) > 0:
		return Answer{Local: r.pendingLocals()}
	case r.turn.open:
		answer := Answer{Commands: r.turn.wire(), Rejections: r.turn.rejections, Unchanged: r.turn.unchanged}
		if answer.Unchanged {
			r.last, r.turn = r.turn.before, turn{}
		}
		return answer
	}
	return Answer{}
}

// feed handles the first event, and those after it that belong to it, and returns the rest.
func (r *Run) feed(events []protocol.Event, updates []protocol.UpdateCall) []protocol.Event {
	e, rest := events[0], events[1:]
	if !r.follows(e) {
		return nil
	}
	switch e.Attributes.(type) {
	case protocol.WorkflowTaskScheduled:
		r.scheduled = e.ID
	case protocol.WorkflowTaskStarted:
		switch {
		case len(rest) == 0:
			r.take(e, nil, newUpdates(updates))
		case rest[0].Type() == completedType:
			r.take(e, rest[1:], recordedUpdates(rest[1:]))
		}
	case protocol.WorkflowTaskCompleted:
		return r.compare(e, rest)
	case protocol.WorkflowTaskFailed, protocol.WorkflowTaskTimedOut:
		if f, ok := e.Attributes.(protocol.WorkflowTaskFailed); ok && f.Cause == protocol.CauseReset {
			r.inputs = append(r.inputs, e)
		}
		if r.turn.open {
			r.failf("the step of event %d was not recorded (event %d is %s), so the run must be replayed",
				r.turn.started, e.ID, e.Type())
		}
	case protocol.WorkflowExecutionTerminated, protocol.WorkflowExecutionTimedOut:
		r.closed = true
	default:
		r.inputs = append(r.inputs, e)
	}
	return rest
}

// follows checks that e is the event after the last one. A hole would make the code miss an input for ever.
func (r *Run) follows(e protocol.Event) bool {
	if e.ID != r.last+1 {
		r.failf("event %d follows event %d: the history has a hole or overlaps", e.ID, r.last)
		return false
	}
	r.last = e.ID
	return true
}

// take applies the waiting inputs, runs the code until it blocks, and then once more with the updates. recorded are the events that
// follow a step which is replayed; nil for the one to take now.
func (r *Run) take(started protocol.Event, recorded []protocol.Event, updates []delivery) {
	if r.turn.open {
		r.failf("event %d starts a step before the one of event %d was completed", started.ID, r.turn.started)
		return
	}
	a, _ := started.Attributes.(protocol.WorkflowTaskStarted)
	r.turn = turn{
		started: started.ID, now: started.Time, size: a.HistorySize, suggest: a.SuggestContinueAsNew,
		replaying: recorded != nil, open: true, before: r.scheduled - 1,
		marks: recordedMarks(recorded), inputs: len(r.inputs), updates: len(updates), commands: r.spare,
	}
	for _, e := range r.inputs {
		if r.apply(e); r.broken != nil {
			return
		}
	}
	clear(r.inputs) // for the collector
	r.inputs = r.inputs[:0]
	r.applied()
	r.drain()
	for _, d := range updates {
		r.deliverUpdate(d)
	}
	r.drain()
	if r.turn.replaying {
		r.repeatLocals()
	}
	r.finishTurn()
}

// finishTurn ends the step, unless local activities are to be run first.
func (r *Run) finishTurn() {
	if r.closed {
		r.locals = nil
		r.unwind()
	}
	if len(r.locals) > 0 {
		return
	}
	r.turn.settle()
	t := &r.turn
	t.unchanged = !t.replaying && t.inputs == 0 && len(t.commands) == 0 && t.updates > 0 &&
		len(t.rejections) == t.updates && r.scheduled == t.started-1
}
