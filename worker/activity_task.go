package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// runActivity runs one attempt of an activity and stores its result in the workflow's inbox. Only then is the task
// acknowledged: a worker that dies before leaves the task to the next one.
func (w *Worker) runActivity(ctx context.Context, t Task) {
	var task protocol.ActivityTask
	if err := json.Unmarshal(t.Body(), &task); err != nil {
		w.bury(ctx, t, err)
		return
	}
	// A task that comes again was given to a worker that fell silent. That was an attempt, too.
	lost := t.Delivered() - 1
	task.Attempt += lost
	if lost > 0 {
		task.LastFailure = silent(task.Attempt - 1)
	}
	// The broker hears that the task is being worked on, or it would give it to another worker.
	stop := tick(w.store.AckWait()/3, func() { w.settle(t.InProgress()) })
	defer stop()
	// Once the worker is cut off the broker hears nothing more, even if the code goes on and on.
	release := context.AfterFunc(ctx, stop)
	defer release()
	result := protocol.ActivityResult{
		Run: task.Run, ScheduledID: task.ScheduledID, Attempt: task.Attempt, Worker: w.identity,
		Started: time.Now().UTC(), LastFailure: task.LastFailure,
	}
	if task.MaximumAttempts > 0 && task.Attempt > task.MaximumAttempts {
		// Running it once more would be one attempt too many: perhaps it is what kills the workers.
		result.Attempt = task.MaximumAttempts // the last that ran; this delivery may be any later one
		result.Failure = silent(result.Attempt)
		result.LastFailure = nil
	} else if !w.begin(ctx, &task, false) {
		w.settle(t.Nak())
		return
	} else if result.Result, result.Failure = w.execute(ctx, &task); result.Failure == pending {
		// Somebody else completes the attempt. Once the workflow knows, the task is done.
		if w.tellStarted(ctx, &task, true) {
			w.settle(t.Ack())
		} else {
			w.settle(t.Nak())
		}
		return
	}
	if ctx.Err() != nil {
		w.settle(t.Nak()) // the worker is cut off; another one starts the attempt anew
		return
	}
	if err := w.report(ctx, &task, result); err != nil {
		w.settle(t.Nak())
		return
	}
	w.settle(t.Ack())
	if result.Failure == nil && task.Heartbeat > 0 {
		w.settle(w.store.DeleteHeartbeat(ctx, task.Run, task.ScheduledID))
	}
}

// pending is the failure of an attempt that is not over.
var pending = &protocol.Failure{Message: "the result is pending"}

// begin tells the workflow that the attempt begins, if it wants to know. It reports whether the attempt may go on.
func (w *Worker) begin(ctx context.Context, task *protocol.ActivityTask, async bool) bool {
	if task.StartBy.IsZero() || time.Now().After(task.StartBy) {
		return true // execute says that it is too late
	}
	return w.tellStarted(ctx, task, async)
}

func (w *Worker) tellStarted(ctx context.Context, task *protocol.ActivityTask, async bool) bool {
	b := protocol.ActivityStarted{
		Run: task.Run, ScheduledID: task.ScheduledID, Attempt: task.Attempt, Worker: w.identity, Async: async,
		LastFailure: task.LastFailure,
	}
	id := fmt.Sprintf("started-%s-%t", protocol.TaskID(task.Run, task.ScheduledID, task.Attempt), async)
	if err := w.store.Tell(ctx, task.Workflow, b, id, ""); err != nil {
		w.log.Warn("the begin of an attempt could not be told; its task goes back", "activity_type", task.Type, "error", err)
		return false
	}
	return true
}

func silent(attempt int) *protocol.Failure {
	return protocol.TimeoutError(protocol.TimeoutHeartbeat,
		fmt.Sprintf("the worker that ran attempt %d did not report back", attempt), nil)
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
			r.Result, r.Failure = protocol.Payload{}, protocol.NewFailure(undecodable{err})
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
