// Package replaytest plays the rest of the world for a replay.Run: it writes the history that an orchestrator would have
// written, one call per thing that happens, on a clock of its own.
//
//	w := replaytest.New(workflow.Program(Greet, nil))
//	defer w.Close()
//	w.Start("Ada")
//	w.Step()              // the code runs, its commands are recorded
//	w.Fire("1")           // timer 1
//	answer := w.Step()
//
// It is meant for the tests of this repository. A World must be used by one goroutine at a time.
package replaytest

import (
	"cmp"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Task queue and names of the run.
const (
	Workflow = "w"
	RunID    = "r"
	Type     = "test.Workflow"
	Queue    = "q"
)

// World holds the history of one run and, unless it crashed, the run itself.
type World struct {
	// Program is the code that further runs use.
	Program replay.Program
	// History is everything that was recorded.
	History []protocol.Event
	// Now is the time of the next event. It grows by a second with each.
	Now time.Time

	run        *replay.Run
	activities []Activity
	timers     []Timer
	fresh      []protocol.UpdateCall // asked for, and not in history
	admitted   []admitted
	accepted   map[string]int64 // updates whose handlers have not returned, by ID
	waiting    bool             // a step is due: something happened
	called     int64            // the WorkflowTaskScheduled that nobody took yet
	open       *step            // was taken, and waits for local activities
}

// step is one that the code is in.
type step struct {
	scheduled, started int64
	offered            []protocol.UpdateCall
}

// Activity is one that has not ended.
type Activity struct {
	ID, Type  string
	Scheduled int64
	Input     protocol.Payload
	Canceled  bool
}

// Timer is one that has neither fired nor been cancelled.
type Timer struct {
	ID      string
	Started int64
}

// New returns a world in which nothing has happened yet.
func New(p replay.Program) *World {
	return &World{Program: p, accepted: map[string]int64{}, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// Close gives the run up.
func (w *World) Close() { w.Crash() }

// Crash forgets the run, as a worker that dies does. The next step replays the history.
func (w *World) Crash() {
	if w.run != nil {
		w.run.Close()
		w.run = nil
	}
}

// Run is the run in memory; nil after a crash.
func (w *World) Run() *replay.Run { return w.run }

// Step takes a step: WorkflowTaskScheduled and Started are recorded, the run sees what it has not seen, and its commands
// are recorded. A failed step is recorded as failed, and the run given up. A step that asks for local activities goes on with
// [World.EndLocal], or begins again if the run crashes meanwhile.
func (w *World) Step() replay.Answer {
	w.begin()
	if w.run == nil {
		w.run = replay.New(w.Program)
	}
	return w.end(w.run.Step(w.History[w.run.LastEvent():], w.open.offered...))
}

// EndLocal ends a local activity that the step waits for.
func (w *World) EndLocal(r replay.LocalResult) replay.Answer {
	if w.open == nil || w.run == nil {
		panic(fmt.Sprintf("replaytest: no step waits for local activity %q", r.ID))
	}
	return w.end(w.run.EndLocal(r))
}

// end records the step, unless it waits for local activities.
func (w *World) end(answer replay.Answer) replay.Answer {
	if len(answer.Local) > 0 {
		return answer
	}
	scheduled, started, offered := w.open.scheduled, w.open.started, w.open.offered
	w.open = nil
	if answer.Failure != nil {
		w.add(protocol.WorkflowTaskFailed{ScheduledID: scheduled, StartedID: started, Cause: answer.Cause, Failure: answer.Failure})
		w.Admit()
		w.Crash()
		return answer
	}
	if answer.Unchanged {
		w.undo()
		return answer
	}
	w.waiting = false
	completed := w.add(protocol.WorkflowTaskCompleted{ScheduledID: scheduled, StartedID: started})
	for _, c := range answer.Commands {
		w.recordUpdate(c.Attributes, offered, completed)
		w.record(c, completed)
	}
	w.checkUpdates(offered, answer)
	return answer
}

// Lose is a step that a worker took and never answered.
func (w *World) Lose() {
	w.begin()
	w.add(protocol.WorkflowTaskTimedOut{
		ScheduledID: w.open.scheduled, StartedID: w.open.started, Type: protocol.TimeoutStartToClose,
	})
	w.open = nil
	w.Admit()
	w.Crash()
}

// Replay feeds the whole history to a new run and gives that run up again.
func (w *World) Replay() replay.Answer {
	run := replay.New(w.Program)
	defer run.Close()
	return run.Step(w.History)
}

// Query asks the code something: the run in memory, or after a crash one that replays the history for it and stays in memory.
// No step must be open.
func (w *World) Query(name string, v any) *protocol.WorkflowQueryAnswer {
	if w.run == nil {
		w.run = replay.New(w.Program)
		w.run.Step(w.History) // if it fails, the query does
	}
	return w.run.Query(protocol.WorkflowQuery{Name: name, Input: encode(v)})
}

// Waiting reports whether something happened that the code has not seen.
func (w *World) Waiting() bool { return w.waiting }

// Closed reports whether the run has ended in history.
func (w *World) Closed() bool {
	n := len(w.History)
	return n > 0 && protocol.StatusAfter(w.History[n-1].Attributes).Closed()
}

// Activities lists those that have not ended, oldest first.
func (w *World) Activities() []Activity { return w.activities }

// Timers lists those that run, oldest first.
func (w *World) Timers() []Timer { return w.timers }

// Call asks for a worker when none is there: WorkflowTaskScheduled is recorded, and more may happen before the step.
func (w *World) Call() {
	if w.called == 0 {
		w.called = w.add(protocol.WorkflowTaskScheduled{Queue: Queue, Attempt: 1})
	}
}

// begin takes a step, unless one is open.
func (w *World) begin() {
	if w.open != nil {
		return
	}
	w.Call()
	w.open = &step{scheduled: w.called, offered: w.Offered()}
	w.called = 0
	w.open.started = w.add(protocol.WorkflowTaskStarted{ScheduledID: w.open.scheduled, Identity: "test"})
}

// add records an event and returns its ID.
func (w *World) add(a protocol.EventAttributes) int64 {
	id := int64(len(w.History)) + 1
	w.History = append(w.History, protocol.Event{ID: id, Time: w.Now, Attributes: a})
	w.Now = w.Now.Add(time.Second)
	return id
}

// record turns a command into its event, as orchestrator/machine does.
func (w *World) record(c protocol.Command, task int64) {
	switch c := c.Attributes.(type) {
	case protocol.ScheduleActivityTask:
		if c.Queue == "" {
			c.Queue = Queue
		}
		id := w.add(protocol.ActivityTaskScheduled{
			ActivityID: c.ActivityID, ActivityType: c.ActivityType, Queue: c.Queue, Input: c.Input,
			RetryPolicy: c.RetryPolicy.Normalize(), TaskCompletedID: task,
		})
		w.activities = append(w.activities, Activity{ID: c.ActivityID, Type: c.ActivityType, Scheduled: id, Input: c.Input})
	case protocol.RequestCancelActivityTask:
		i := w.activity(c.ActivityID)
		w.activities[i].Canceled = true
		w.add(protocol.ActivityTaskCancelRequested{ScheduledID: w.activities[i].Scheduled, TaskCompletedID: task})
	case protocol.StartTimer:
		id := w.add(protocol.TimerStarted{TimerID: c.TimerID, StartToFire: c.StartToFire, TaskCompletedID: task})
		w.timers = append(w.timers, Timer{ID: c.TimerID, Started: id})
	case protocol.CancelTimer:
		t := w.takeTimer(c.TimerID)
		w.add(protocol.TimerCanceled{TimerID: t.ID, StartedID: t.Started, TaskCompletedID: task})
	case protocol.StartChildWorkflowExecution, protocol.SignalExternalWorkflowExecution, protocol.RequestCancelExternalWorkflowExecution:
		w.recordOthers(c, task)
	case protocol.AcceptUpdate, protocol.CompleteUpdate, protocol.RejectUpdate: // see recordUpdate
	case protocol.CompleteWorkflowExecution:
		w.add(protocol.WorkflowExecutionCompleted{Result: c.Result, TaskCompletedID: task})
	case protocol.FailWorkflowExecution:
		w.add(protocol.WorkflowExecutionFailed{Failure: c.Failure, TaskCompletedID: task})
	case protocol.CancelWorkflowExecution:
		w.add(protocol.WorkflowExecutionCanceled{Details: c.Details, TaskCompletedID: task})
	case protocol.RecordMarker:
		w.add(protocol.MarkerRecorded{Name: c.Name, ID: c.ID, Value: c.Value, Failure: c.Failure, TaskCompletedID: task})
	case protocol.ModifyWorkflowProperties:
		w.add(protocol.WorkflowPropertiesModified{Memo: c.Memo, TaskCompletedID: task})
	case protocol.UpsertWorkflowSearchAttributes:
		w.add(protocol.WorkflowSearchAttributesUpserted{SearchAttributes: c.SearchAttributes, TaskCompletedID: task})
	case protocol.ContinueAsNewWorkflowExecution:
		w.add(protocol.WorkflowExecutionContinuedAsNew{
			NewRunID: RunID + "2", WorkflowType: cmp.Or(c.WorkflowType, Type), Queue: cmp.Or(c.Queue, Queue), Input: c.Input,
			CarriedSignals: c.CarriedSignals, TaskCompletedID: task,
		})
	default:
		panic(fmt.Sprintf("replaytest: no event for %T", c))
	}
}
