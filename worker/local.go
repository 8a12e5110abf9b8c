package worker

import (
	"context"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/replay"
)

// runLocals runs the local activities of a step until the step is over. Each result lets the code go on, which may ask for more. When
// most of the task's time is gone, what still runs has failed: a step that is answered too late is lost, with everything in it.
func (w *Worker) runLocals(ctx context.Context, task *protocol.WorkflowTask, run *replay.Run, answer replay.Answer) replay.Answer {
	if len(answer.Local) == 0 {
		return answer
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(task.Timeout)*4/5)
	defer cancel()
	results := make(chan replay.LocalResult)
	running := map[string]context.CancelFunc{}
	for len(answer.Local) > 0 {
		wanted := map[string]bool{}
		for _, l := range answer.Local {
			wanted[l.ID] = true
			if running[l.ID] == nil {
				ctx, cancel := context.WithCancel(ctx)
				running[l.ID] = cancel
				w.store.Go(func() {
					defer cancel()
					r := w.runLocal(ctx, task, l)
					select {
					case results <- r:
					case <-ctx.Done():
					}
				})
			}
		}
		for id, stop := range running {
			if !wanted[id] { // it has ended, or the code has given it up
				stop()
			}
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
	f, ok := w.registry.activity(l.Command.ActivityType)
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

// tryLocal runs one attempt. When its time is over the attempt is, even if the code goes on: what it returns later is nobody's result.
func (w *Worker) tryLocal(
	ctx context.Context, task *protocol.WorkflowTask, l replay.LocalActivity, f function, attempt int, last *protocol.Failure,
) (protocol.Payload, *protocol.Failure) {
	if d := l.Command.StartToClose; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
	}
	done := make(chan outcome, 1)
	w.store.Go(func() {
		o := outcome{err: errGoexit}
		defer func() { done <- o }()
		env := w.localEnv(ctx, task, l, attempt, last)
		o.result, o.err = protect(activity.With(w.extract(ctx, l.Command.Headers), env), f, l.Command.Input)
	})
	select {
	case o := <-done:
		return finishLocal(ctx, o)
	case <-ctx.Done():
		return finishLocal(ctx, outcome{err: ctx.Err()})
	}
}

// finishLocal turns what user code returned into a result or a failure.
func finishLocal(ctx context.Context, o outcome) (protocol.Payload, *protocol.Failure) {
	switch {
	case o.err == nil:
		return o.result, nil
	case ctx.Err() != nil:
		late := protocol.TimeoutError(protocol.TimeoutStartToClose, "the attempt did not end in time", protocol.NewFailure(o.err))
		return protocol.Payload{}, late
	case errors.Is(o.err, activity.ErrResultPending):
		f := protocol.NewFailure(errors.New("a local activity cannot be completed by somebody else: the step waits for it"))
		f.Application.NonRetryable = true
		return protocol.Payload{}, f
	}
	return protocol.Payload{}, protocol.NewFailure(o.err)
}

// localEnv is what the code of a local activity can ask its context for.
func (w *Worker) localEnv(
	ctx context.Context, task *protocol.WorkflowTask, l replay.LocalActivity, attempt int, last *protocol.Failure,
) *activity.Env {
	deadline, _ := ctx.Deadline()
	now := time.Now().UTC()
	return &activity.Env{
		Details: activity.Details{
			Workflow: task.Workflow, Run: task.Run, WorkflowType: task.Type, ID: l.ID, Type: l.Command.ActivityType, Queue: w.queue,
			Attempt: attempt, Scheduled: now, Started: now, Deadline: deadline, LastFailure: last, Headers: l.Command.Headers,
		},
		Logger:        w.log,
		Heartbeat:     func(protocol.Payload) error { return ctx.Err() },
		LastHeartbeat: func(context.Context) (*protocol.Payload, error) { return nil, nil },
		Files:         w.files,
	}
}
