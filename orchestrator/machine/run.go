package machine

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Run is the state of one run: a fold over its events.
type Run struct {
	// Start is the event that opened the run, and Started its time. Drafts of the run share it.
	Start   *protocol.WorkflowExecutionStarted
	Started time.Time
	// Status and Outcome say whether and how the run ended; Closed is when.
	Status  protocol.Status
	Outcome *protocol.Outcome
	Closed  time.Time
	// First is the stream sequence of the run's first record, Step the number of its last one, LastEvent the ID of its
	// last event and LastTime that event's time.
	First     uint64
	Step      int64
	LastEvent int64
	LastTime  time.Time
	// Size is how many bytes of JSON the run's records have.
	Size int64
	// CancelRequested says that the run was asked to stop.
	CancelRequested bool
	// Worker is who answered the last workflow task: its cache holds the run.
	Worker string
	// Base is the nonce of the last record in which a workflow task completed.
	Base string
	// Tail are the recorded events that no completed workflow task has shown to the run's code, preceded by the outcome of the
	// last one. A worker that has the run in its cache needs only these, and those of the step that is being drafted.
	Tail []protocol.Event
	// TaskScheduled is the WorkflowTaskScheduled that waits for a worker, or zero.
	TaskScheduled int64
	// TaskFailure is the recorded failure of a step that is being tried again; nil when all is well.
	TaskFailure *protocol.PendingTask
	taskFailed  time.Time
	// notBefore is when the run may take its first step, until it does; zero: at once.
	notBefore time.Time
	// Memo and SearchAttributes are what the start and the code said of the run.
	Memo, SearchAttributes map[string]protocol.Payload
	// Version is that of the code that took the last step, versioned the event that first said so, and pinned the version that the
	// run stays with; empty: none.
	Version   string
	versioned int64
	pinned    string
	// paused says since when and why the run takes no step; nil when it does.
	paused *protocol.Pause
	// copied says of a run that was reset that it is whole.
	copied bool
	// orphans are the queues on which activities were pending when the run ended.
	orphans []string
	// next is the first event of the run that follows this one, when one does.
	next *protocol.WorkflowExecutionStarted
	// dirty says that something happened which the run's code has not seen.
	dirty bool

	activities table[int64, Activity]
	timers     table[int64, Timer]
	children   table[int64, Child]    // once the run has ended: those that were open then
	externals  table[int64, External] // by the event that sent them
	activityID table[string, int64]
	timerID    table[string, int64]
	requests   table[string, receipt] // by the run and those before it; kept after the end, for repeated requests
	// updates are those that history knows, by ID, and openUpdates those among them that have not ended; both are kept after
	// the end. admitted counts the ones that wait for the run's code.
	updates     table[string, Update]
	openUpdates table[string, struct{}]
	admitted    int
	deadlines   deadlines
}

// unstarted is the Start of a run that has no event yet. Nobody changes it.
var unstarted protocol.WorkflowExecutionStarted

func emptyRun() *Run { return &Run{Start: &unstarted} }

// Activity is an activity that has been scheduled and has not ended.
type Activity struct {
	Event     int64
	Scheduled time.Time
	protocol.ActivityTaskScheduled
	CancelRequested bool
	// Begun is the ActivityTaskStarted of the last attempt that said that it began, zero when none did; Async says that somebody
	// else than its worker completes that attempt.
	Begun   int64
	BegunAt time.Time
	Async   bool
	begun   int // that attempt's number
	// Paused says since when and why no attempt begins; nil when they do. Reset is the last ActivityTaskReset, or zero, and dropped the
	// last one that dropped heartbeats. asked are the options that the workflow asked for; nil while they hold.
	Paused  *protocol.Pause
	Reset   int64
	dropped int64
	asked   *protocol.ActivityOptions
	left    []string // the queues that it was moved away from: an attempt may lie or run there still

	// Volatile: known only to the node that saw the attempts fail. Forgiven attempts do not count; see [protocol.ActivityTask].
	Attempt     int
	Forgiven    int
	LastFailure *protocol.Failure
	NextAttempt time.Time
	heard       time.Time // the last heartbeat from outside; see silence.go
	held        bool      // its time came while the run, or the activity, was paused
}

// number counts every attempt, the next or present one included.
func (a Activity) number() int { return a.Attempt + a.Forgiven }

// Deadline is the activity's schedule-to-close deadline, or the zero time.
func (a Activity) Deadline() time.Time {
	if a.ScheduleToClose == 0 {
		return time.Time{}
	}
	return a.Scheduled.Add(time.Duration(a.ScheduleToClose))
}

// startBy is when the first attempt must have begun, until it has; or the zero time. Of a further attempt only the worker knows: its
// wait leaves nothing in history.
func (a Activity) startBy() time.Time {
	if a.ScheduleToStart == 0 || a.Begun != 0 || a.number() > 1 {
		return time.Time{}
	}
	return a.Scheduled.Add(time.Duration(a.ScheduleToStart))
}

// asyncBy is when an attempt must end that has no worker to watch over it, or the zero time.
func (a Activity) asyncBy() time.Time {
	if !a.Async || a.StartToClose == 0 || a.number() > a.begun {
		return time.Time{}
	}
	return a.BegunAt.Add(time.Duration(a.StartToClose))
}

// expects reports whether a moment still means something to the activity.
func (a Activity) expects(at time.Time) bool {
	return at.Equal(a.Deadline()) || at.Equal(a.startBy()) || at.Equal(a.asyncBy()) || at.Equal(a.silentBy())
}

// Timer is a timer that has not fired.
type Timer struct {
	Event int64
	protocol.TimerStarted
}

// Open reports whether the run has not ended.
func (r *Run) Open() bool { return r != nil && r.Status == protocol.StatusRunning }

// ID is the run's ID.
func (r *Run) ID() string { return r.Start.RunID }

// fork returns a draft of the run: changes to it do not reach r.
func (r *Run) fork() *Run {
	d := *r
	d.activities = r.activities.fork()
	d.timers = r.timers.fork()
	d.children = r.children.fork()
	d.externals = r.externals.fork()
	d.activityID = r.activityID.fork()
	d.timerID = r.timerID.fork()
	d.requests = r.requests.fork()
	d.updates = r.updates.fork()
	d.openUpdates = r.openUpdates.fork()
	d.deadlines = nil // a push in the draft must not write into the original's spare capacity
	return &d
}

// deadline is when the run times out, or the zero time, and the timeout that says so: its own or its chain's, whichever is first.
// The time that the first step must wait does not count.
func (r *Run) deadline() (at time.Time, limit protocol.Duration) {
	if limit = r.Start.RunTimeout; limit > 0 {
		at = r.Started.Add(time.Duration(r.Start.FirstTaskDelay + limit))
	}
	if d := r.Start.ExecutionDeadline; !d.IsZero() && (at.IsZero() || d.Before(at)) {
		return d, r.Start.ExecutionTimeout
	}
	return at, limit
}

// taskTimeout is how long a worker may take over a step.
func (r *Run) taskTimeout() protocol.Duration {
	if r.Start.TaskTimeout > 0 {
		return r.Start.TaskTimeout
	}
	return DefaultTaskTimeout
}

// DefaultTaskTimeout is how long a worker may take over a step unless the start said otherwise.
const DefaultTaskTimeout = protocol.Duration(10 * time.Second)

// Row is what a list shows of the run.
func (r *Run) Row() protocol.Row {
	return protocol.Row{
		ID: r.Start.WorkflowID, Run: r.ID(), Type: r.Start.WorkflowType, Queue: r.Start.Queue,
		Status: r.Status, Version: r.Version, Started: r.Started, Closed: r.Closed, HistoryLength: r.LastEvent, Memo: r.Memo,
		SearchAttributes: r.SearchAttributes, Activity: r.alone(),
	}
}
