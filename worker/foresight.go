package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// foresight is what a worker needs to take the step that follows when an activity succeeds and nothing else happens before; see
// [protocol.Foresight]. The run lies in this worker's cache, so the step can be taken at once, and its answer sent along with the
// activity's result: the orchestrator need not ask for it.
type foresight struct {
	protocol.Foresight

	came time.Time
}

const (
	// foreseeFor is how long a result waits for the step that follows from it. Most steps take less than a millisecond.
	foreseeFor = 20 * time.Millisecond
	// foreseeWithin is how long the activity may take. One that takes longer gains nothing, and by then something else may have happened,
	// or the clocks of worker and orchestrator gone apart.
	foreseeWithin = time.Second
)

// foresee takes the step that follows from a result. It is nil when there is none to take here, or when it takes long: a result is worth
// more than a step that somebody may have to take once more anyhow.
func (w *Worker) foresee(
	ctx context.Context, f *foresight, activity *protocol.ActivityTask, r *protocol.ActivityResult,
) *protocol.ForeseenStep {
	if f == nil || r.Failure != nil || time.Since(f.came) > foreseeWithin || w.takeSlot() != "" {
		return nil
	}
	run, done := w.takeForeseen(f, activity)
	if run == nil {
		<-w.steps
		return nil
	}
	task := f.task(activity, r)
	answer := w.hurry(ctx, task, run, done)
	if answer == nil {
		w.caution.vain(task.Type)
		return nil
	}
	w.caution.well(task.Type)
	w.sign(task, answer)
	scheduled, started := task.Events[2].ID, task.Events[3]
	return &protocol.ForeseenStep{Nonce: task.Nonce, Base: task.Base, ScheduledID: scheduled, Time: started.Time, Answer: *answer}
}

// hurry has the code take the step, and gives it up when that takes long. Code that comes to no end keeps its slot, as in any step, and
// nobody waits for it.
func (w *Worker) hurry(ctx context.Context, task *protocol.WorkflowTask, run *replay.Run, done func()) *protocol.WorkflowTaskAnswer {
	var decided atomic.Bool // whether the step counts
	answered := make(chan *protocol.WorkflowTaskAnswer, 1)
	w.store.Go(func() {
		defer func() { <-w.steps }()
		answer := w.advance(ctx, task, run)
		if answer != nil && decided.CompareAndSwap(false, true) {
			w.keep(&cached{id: task.Run, run: run, nonce: task.Nonce, kind: task.Type, foreseen: true, heard: w.store.Hearing()})
		} else {
			run.Close()
		}
		done()
		answered <- answer
	})
	patience := time.NewTimer(foreseeFor)
	defer patience.Stop()
	select {
	case answer := <-answered:
		return answer
	case <-patience.C:
	}
	if decided.CompareAndSwap(false, true) {
		done() // who wants the run need not wait: it is replayed
		return nil
	}
	return <-answered
}

// takeForeseen takes the run out of the cache, if it is where the step left it that scheduled the activity.
func (w *Worker) takeForeseen(f *foresight, a *protocol.ActivityTask) (run *replay.Run, done func()) {
	c, done, busy := w.cache.tryTake(a.Run)
	if busy != nil {
		return nil, nil
	}
	if c != nil && c.nonce == f.Base && w.caution.may(a.WorkflowType) && c.run.Recorded(f.CompletedID, f.LastID) {
		return c.run, done
	}
	if c != nil {
		w.cache.put(c)
	}
	done()
	return nil, nil
}

// task is the workflow task as it would come.
func (f *foresight) task(a *protocol.ActivityTask, r *protocol.ActivityResult) *protocol.WorkflowTask {
	at, id := f.Time.Add(time.Since(f.came)), f.LastID+1
	attributes := []protocol.EventAttributes{
		protocol.ActivityTaskStarted{
			ScheduledID: r.ScheduledID, Attempt: r.Attempt, Forgiven: r.Forgiven, Identity: r.Worker, LastFailure: r.LastFailure,
		},
		protocol.ActivityTaskCompleted{ScheduledID: r.ScheduledID, StartedID: id, Result: r.Result},
		protocol.WorkflowTaskScheduled{Queue: a.Queue, Attempt: 1},
		protocol.WorkflowTaskStarted{ScheduledID: id + 2, HistorySize: f.HistorySize, SuggestContinueAsNew: f.SuggestContinueAsNew},
	}
	events := make([]protocol.Event, len(attributes))
	for i, a := range attributes {
		events[i] = protocol.Event{ID: id + int64(i), Time: at, Attributes: a}
	}
	return &protocol.WorkflowTask{
		Workflow: a.Workflow, Run: a.Run, Type: a.WorkflowType, Queue: a.Queue, Attempt: 1, Base: f.Base,
		Nonce: uuid.Must(uuid.NewV7()).String(), After: f.LastID, Events: events,
	}
}

// advance has a run's code take a step that nobody asked for. It is nil when the step fails, or has local activities to run first: then it
// must be asked for.
func (w *Worker) advance(ctx context.Context, task *protocol.WorkflowTask, run *replay.Run) *protocol.WorkflowTaskAnswer {
	edge := w.edge(ctx)
	if edge.OpenEvents(task.Events) != nil {
		return nil
	}
	answer := run.Step(task.Events)
	if answer.Failure != nil || len(answer.Local) > 0 || ctx.Err() != nil {
		return nil
	}
	reply, err := w.seal(edge, task, answer)
	if err != nil {
		return nil
	}
	return reply
}
