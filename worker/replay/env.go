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
	// Attempt counts from 1. Workflows are not retried yet, so it is always 1.
	Attempt int
	// StartTime is when the run was started.
	StartTime time.Time
	// RunTimeout is how long the run may take; zero means for ever.
	RunTimeout time.Duration
	// Headers and Memo are what the starter attached. They must not be changed.
	Headers map[string]string
	Memo    map[string]protocol.Payload
	// HistoryLength is the ID of the event that began the present step.
	HistoryLength int64
}

// Env is what a coroutine sees of its run. It must be used only by the coroutines of the run, and by what they call.
type Env struct{ run *Run }

// Info describes the run.
func (e *Env) Info() Info {
	i := e.run.info
	i.HistoryLength = e.run.turn.started
	return i
}

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

// Mailbox is a queue of signals in the order of their arrival.
type Mailbox struct {
	Waitlist

	run    *Run
	values []protocol.Payload
	head   int
}

// Empty reports whether no signal waits.
func (m *Mailbox) Empty() bool { return m.head == len(m.values) }

// Pop takes the oldest signal out of a mailbox that is not empty.
func (m *Mailbox) Pop() protocol.Payload {
	m.run.mayChange("receive a signal")
	v := m.values[m.head]
	m.values[m.head] = protocol.Payload{}
	if m.head++; m.head == len(m.values) {
		m.values, m.head = m.values[:0], 0
	}
	return v
}

func (m *Mailbox) push(v protocol.Payload) {
	m.values = append(m.values, v)
	m.WakeOne()
}

func (r *Run) mailbox(name string) *Mailbox {
	m := r.mailboxes[name]
	if m == nil {
		m = &Mailbox{run: r}
		r.mailboxes[name] = m
	}
	return m
}
