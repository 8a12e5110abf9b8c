package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// runActivity runs one attempt of an activity that came through the queue. Its task is acknowledged when the workflow has the result: a
// worker that dies before leaves the task to the next one.
func (w *Worker) runActivity(ctx context.Context, t Task) {
	var task protocol.ActivityTask
	if err := protocol.UnmarshalTask(t.Body(), &task); err != nil {
		w.bury(ctx, t, err)
		return
	}
	// The broker hears that the task is being worked on, or it would give it to another worker.
	stop := tick(w.store.AckWait()/3, func() { w.settle(t.InProgress()) })
	defer stop()
	// Once the worker is cut off the broker hears nothing more, even if the code goes on and on.
	release := context.AfterFunc(ctx, stop)
	defer release()
	defer w.settled(&task)
	switch w.conclude(ctx, &task, t.Delivered()-1, nil) {
	case reported:
		w.settle(t.Ack())
	case left:
		t.Leave() // it is being taken off the queue; if whoever does that dies first, the task comes again
	case returned:
		w.settle(t.Nak()) // another worker starts the attempt anew
	}
}

// conclusion is what becomes of the task of an attempt.
type conclusion int

const (
	reported conclusion = iota // the workflow knows how the attempt ended, or that somebody else completes it
	left                       // the attempt was taken back before it began
	returned                   // somebody must begin it anew
)

// conclude runs an attempt and tells the workflow how it ended, and what its code does next if that is foreseen.
func (w *Worker) conclude(ctx context.Context, task *protocol.ActivityTask, lost int, next *foresight) conclusion {
	result := w.attempt(ctx, task, lost)
	switch {
	case result.Failure == pending && w.tellStarted(ctx, task, true):
		return reported
	case result.Failure == gone:
		return left
	case result.Failure == pending, result.Failure == untold, ctx.Err() != nil:
		return returned
	}
	result.Next = w.foresee(ctx, next, task, &result)
	if err := w.report(ctx, task, result); err != nil {
		return returned
	}
	if result.Failure == nil && task.Heartbeat > 0 {
		w.settle(w.store.DeleteHeartbeat(ctx, task.Run, task.ScheduledID))
	}
	return reported
}

// attempt runs one attempt. lost says how often its task was given to a worker that fell silent: each of those was an attempt, too.
func (w *Worker) attempt(ctx context.Context, task *protocol.ActivityTask, lost int) protocol.ActivityResult {
	number := task.Number()
	task.Attempt += lost
	if lost > 0 {
		task.LastFailure = protocol.Silent(task.Attempt - 1)
	}
	result := protocol.ActivityResult{
		Run: task.Run, ScheduledID: task.ScheduledID, Attempt: task.Attempt, Forgiven: task.Forgiven, Reset: task.Reset,
		Scheduled: task.ScheduledTime, Worker: w.identity, Started: time.Now().UTC(), LastFailure: task.LastFailure,
	}
	switch {
	case task.MaximumAttempts > 0 && task.Attempt > task.MaximumAttempts:
		// Running it once more would be one attempt too many: perhaps it is what kills the workers.
		result.Attempt = task.MaximumAttempts // the last that ran; this delivery may be any later one
		result.Failure = protocol.Silent(result.Attempt)
		result.LastFailure = nil
	case !w.begin(ctx, task, false):
		result.Failure = untold
	default:
		result.Result, result.Failure = w.execute(ctx, task, number)
		result.Interrupted = result.Failure == interrupted
	}
	return result
}

// Failures that are none: of an attempt that somebody else completes, of one that was asked to make way, and of two that did not begin:
// one is being taken off its queue, of the other nobody could be told.
var (
	pending     = &protocol.Failure{Message: "the result is pending"}
	interrupted = &protocol.Failure{Message: "the attempt was asked to make way", Source: "worker"}
	gone        = &protocol.Failure{Message: "the attempt is being taken off its queue"}
	untold      = &protocol.Failure{Message: "the begin of the attempt could not be told"}
)

// begin tells the workflow that the attempt begins, if it wants to know. It reports whether the attempt may go on.
func (w *Worker) begin(ctx context.Context, task *protocol.ActivityTask, async bool) bool {
	if task.StartBy.IsZero() || time.Now().After(task.StartBy) {
		return true // execute says that it is too late
	}
	return w.tellStarted(ctx, task, async)
}

func (w *Worker) tellStarted(ctx context.Context, task *protocol.ActivityTask, async bool) bool {
	b := protocol.ActivityStarted{
		Run: task.Run, ScheduledID: task.ScheduledID, Attempt: task.Attempt, Forgiven: task.Forgiven, Worker: w.identity, Async: async,
		LastFailure: task.LastFailure,
	}
	id := fmt.Sprintf("started-%s-%t-%d", protocol.TaskID(task.Run, task.ScheduledID, task.Number()), async, time.Now().UnixNano())
	if err := w.store.Tell(ctx, task.Workflow, b, id, ""); err != nil {
		w.log.Warn("the begin of an attempt could not be told; its task goes back", "activity_type", task.Type, "error", err)
		return false
	}
	return true
}

// report stores the result until it is stored, or the worker is cut off. A result that is too large for a message went to the
// object store before.
func (w *Worker) report(ctx context.Context, task *protocol.ActivityTask, r protocol.ActivityResult) error {
	wait := 50 * time.Millisecond
	for {
		err := w.store.PublishResult(ctx, task.Workflow, r)
		if err == nil {
			return nil
		}
		if e := protocol.AsError(err); e.Code == protocol.CodeTooLarge {
			if r.Next != nil {
				r.Next = nil // the result may fit without the step that follows
				continue
			}
			r.Result, r.LastFailure, r.Failure = protocol.Payload{}, nil, protocol.NewFailure(undecodable{err})
		}
		w.log.Warn("a result could not be stored; trying again", "workflow_id", task.Workflow, "activity_type", task.Type,
			"error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(2*wait, 5*time.Second)
	}
}
