package worker

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/replay"
)

// runLocals runs the local activities of a step until the step is over. Each result lets the code go on, which may ask for more. When
// most of the task's time is gone, what still runs has failed: a step that is answered too late is lost, with everything in it.
func (w *Worker) runLocals(ctx context.Context, task *protocol.WorkflowTask, run *replay.Run, answer replay.Answer) replay.Answer {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(task.Timeout)*4/5)
	defer cancel()
	results := make(chan replay.LocalResult)
	begun := map[string]bool{}
	for len(answer.Local) > 0 {
		for _, l := range answer.Local {
			if begun[l.ID] {
				continue
			}
			begun[l.ID] = true
			go func() {
				r := w.runLocal(ctx, task, l)
				select {
				case results <- r:
				case <-ctx.Done():
				}
			}()
		}
		select {
		case r := <-results:
			answer = run.EndLocal(r)
		case <-ctx.Done():
			answer = run.EndLocal(replay.LocalResult{ID: answer.Local[0].ID, Failure: protocol.TimeoutError(
				protocol.TimeoutScheduleToClose, "the local activity did not end within the step", nil)})
		}
	}
	return answer
}

// runLocal runs one local activity until it succeeds, fails for good, or runs out of time.
func (w *Worker) runLocal(ctx context.Context, task *protocol.WorkflowTask, l replay.LocalActivity) replay.LocalResult {
	f, ok := w.registry.activities[l.Command.ActivityType]
	if !ok {
		return replay.LocalResult{ID: l.ID, Failure: w.unknown("activity", l.Command.ActivityType, w.registry.activityNames())}
	}
	if d := l.Command.ScheduleToClose; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
	}
	policy := l.Command.RetryPolicy.Normalize()
	deadline, _ := ctx.Deadline()
	var last *protocol.Failure
	for attempt := 1; ; attempt++ {
		result, failure := w.tryLocal(ctx, task, l, f, attempt, last)
		if failure == nil {
			return replay.LocalResult{ID: l.ID, Result: result}
		}
		delay, state := policy.Next(failure, attempt, time.Now(), deadline)
		if state != protocol.RetryInProgress {
			return replay.LocalResult{ID: l.ID, Failure: failure}
		}
		last = failure
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return replay.LocalResult{ID: l.ID, Failure: failure}
		}
	}
}

// tryLocal runs one attempt.
func (w *Worker) tryLocal(
	ctx context.Context, task *protocol.WorkflowTask, l replay.LocalActivity, f function, attempt int, last *protocol.Failure,
) (protocol.Payload, *protocol.Failure) {
	if d := l.Command.StartToClose; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
	}
	deadline, _ := ctx.Deadline()
	now := time.Now().UTC()
	env := &activity.Env{
		Details: activity.Details{
			Workflow: task.Workflow, Run: task.Run, WorkflowType: task.Type, ID: l.ID, Type: l.Command.ActivityType, Queue: w.queue,
			Attempt: attempt, Scheduled: now, Started: now, Deadline: deadline, LastFailure: last, Headers: l.Command.Headers,
		},
		Logger: w.log.With("workflow_id", task.Workflow, "run_id", task.Run, "activity_type", l.Command.ActivityType,
			"activity_id", l.ID, "attempt", attempt),
		Heartbeat:     func(protocol.Payload) error { return ctx.Err() },
		LastHeartbeat: func(context.Context) (*protocol.Payload, error) { return nil, nil },
		OpenBlob:      w.store.GetBlob,
		PutBlob:       w.store.PutBlob,
	}
	result, err := protect(activity.With(w.extract(ctx, l.Command.Headers), env), f, l.Command.Input)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
		late := protocol.TimeoutError(protocol.TimeoutStartToClose, "the attempt did not end in time", protocol.NewFailure(err))
		return protocol.Payload{}, late
	}
	return protocol.Payload{}, protocol.NewFailure(err)
}
