package replay

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Info describes a run to its own code.
type Info struct {
	// Workflow is the workflow ID, Run the ID of this run of it.
	Workflow, Run string
	// Type is the workflow type, such as "shop.Checkout".
	Type string
	// Queue is the task queue whose workers run the workflow.
	Queue string
	// FirstRun is the first run of the chain that this one belongs to; Previous is the run before this one, empty in the first.
	FirstRun, Previous string
	// Attempt counts the tries of the workflow's retry policy from 1.
	Attempt int
	// LastFailure is how the run before this one failed; nil unless this is a further attempt.
	LastFailure *protocol.Failure
	// StartTime is when the run was started.
	StartTime time.Time
	// RunTimeout is how long the run may take; zero means for ever. Deadline is when the chain of runs ends; zero means never.
	RunTimeout time.Duration
	Deadline   time.Time
	// Headers are what the starter attached; Memo and SearchAttributes, what it and the code said of the run. They must not be changed.
	Headers                map[string]string
	Memo, SearchAttributes map[string]protocol.Payload
	// Parent is the run whose child this one is, Root the first of a line of parents; nil when there is none.
	Parent *protocol.Origin
	Root   *protocol.Execution
	// HistoryLength is the ID of the event that began the present step, and HistorySize how many bytes of JSON came before.
	HistoryLength int64
	HistorySize   int64
	// SuggestContinueAsNew says that the history has become long, [protocol.SuggestEvents] events or [protocol.SuggestBytes] bytes: whoever
	// must replay it takes the longer for it, and a workflow that goes on for ever should continue as new.
	SuggestContinueAsNew bool
}

// Env is what a coroutine sees of its run. It must be used only by the coroutines of the run, and by what they call.
type Env struct{ run *Run }

// Seed is what everything that must differ between runs, and be the same when a run is replayed, is derived from: the run ID, or in
// the part of a reset run that repeats another one, that one's.
func (e *Env) Seed() string { return e.run.seed }

// Info describes the run.
func (e *Env) Info() Info {
	i := e.run.info
	t := e.run.turn
	i.HistoryLength, i.HistorySize, i.SuggestContinueAsNew = t.started, t.size, t.suggest
	return i
}

// Headers are what the starter attached. They must not be changed.
func (e *Env) Headers() map[string]string { return e.run.info.Headers }

// Now is the time at which the present step began. It stands still during the step.
func (e *Env) Now() time.Time { return e.run.turn.now }

// Replaying reports whether the present step was recorded before, or the code is being unwound: whatever the outside
// world sees of the code, such as its log, must then be silent.
func (e *Env) Replaying() bool { return e.run.turn.replaying || e.run.sched.unwinding }

// Go runs f in a coroutine of its own, after those that are ready now.
func (e *Env) Go(f func()) { e.run.spawn(f) }

// Mailbox holds the signals of one name that were not received yet, from the run's start on.
func (e *Env) Mailbox(name string) *Mailbox { return e.run.mailbox(name) }

// OnCancel calls f when the run is asked to cancel; at once when it was asked already. f must not block.
func (e *Env) OnCancel(f func()) {
	if e.run.cancelRequested {
		f()
		return
	}
	e.run.onCancel = append(e.run.onCancel, f)
}

// AfterInputs calls f when every input of the step is applied and before any code runs. Whatever cancels operations because
// of an input must do it there: one that ends in this very step, by a later input, must not be cancelled any more.
func (e *Env) AfterInputs(f func()) { e.run.afterInputs = append(e.run.afterInputs, f) }
