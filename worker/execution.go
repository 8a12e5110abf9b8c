package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// execKey names an activity of a run.
type execKey struct {
	run       string
	scheduled int64
}

// execution is an attempt while it runs.
type execution struct {
	w      *Worker
	task   *protocol.ActivityTask
	number int // under which the attempt lies in the task stream
	cancel context.CancelCauseFunc
	over   chan struct{} // closed when a deadline has passed

	mu        sync.Mutex
	silence   *time.Timer // rings when the next heartbeat is overdue
	stored    time.Time   // when a heartbeat was last stored
	latest    *protocol.Payload
	timedOut  *protocol.Failure
	heartbeat time.Duration
	ended     bool           // the attempt is over
	storing   sync.WaitGroup // heartbeats on their way to the store

	uploads uploads
}

func (e *execution) key() execKey { return execKey{e.task.Run, e.task.ScheduledID} }

// outcome is what user code returned.
type outcome struct {
	result protocol.Payload
	err    error
}

// errGoexit is what code comes to that does not return.
var errGoexit = errors.New("the activity's code called runtime.Goexit")

// execute runs the activity's code under its deadlines. When one passes, the attempt is over even if the code goes on: what it
// returns later is nobody's result. number is that of the task in the stream; the task may be a later attempt.
func (w *Worker) execute(ctx context.Context, task *protocol.ActivityTask, number int) (protocol.Payload, *protocol.Failure) {
	if !task.StartBy.IsZero() && time.Now().After(task.StartBy) {
		return protocol.Payload{}, protocol.TimeoutError(protocol.TimeoutScheduleToStart, "no worker began the activity in time", nil)
	}
	f, ok := w.registry.activity(task.Type)
	if !ok {
		return protocol.Payload{}, w.unknown("activity", task.Type, w.registry.activityNames())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := &execution{
		w: w, task: task, number: number, cancel: cancel, over: make(chan struct{}), heartbeat: time.Duration(task.Heartbeat),
		uploads: uploads{keep: func(name string) error { return w.store.KeepBlob(context.WithoutCancel(ctx), name, keepUploads/2) }},
	}
	if !w.track(e) {
		return protocol.Payload{}, gone
	}
	defer w.untrack(e)
	defer e.settle()
	defer e.uploads.end()
	deadline, kind := attemptDeadline(task, time.Now())
	stop := e.watch(deadline, kind)
	defer stop()

	done := make(chan outcome, 1)
	w.store.Go(func() {
		o := outcome{err: errGoexit}
		defer func() { done <- o }()
		o.result, o.err = e.call(ctx, f, deadline)
	})
	// An activity that was canceled may clean up and says itself how it ended, but its deadlines hold all the same.
	select {
	case o := <-done:
		result, failure := e.finish(ctx, o)
		if failure == pending || failure == interrupted {
			return result, failure
		}
		w.logFailure(ctx, task, failure)
		return w.sealResult(ctx, result, failure)
	case <-e.over:
		w.logFailure(ctx, task, e.expired())
		return w.sealResult(ctx, protocol.Payload{}, e.expired())
	}
}

// call reads the input and runs the code.
func (e *execution) call(ctx context.Context, f function, deadline time.Time) (protocol.Payload, error) {
	task := *e.task
	if err := e.w.edge(ctx).OpenAll(&task); err != nil {
		return protocol.Payload{}, fmt.Errorf("read the activity's input: %w", err)
	}
	return protect(activity.With(e.w.extract(ctx, task.Headers), e.env(&task, deadline)), f, task.Input)
}

// attemptDeadline is when the attempt must end, and which timeout says so.
func attemptDeadline(task *protocol.ActivityTask, now time.Time) (time.Time, protocol.TimeoutType) {
	var at time.Time
	kind := protocol.TimeoutStartToClose
	if task.StartToClose > 0 {
		at = now.Add(time.Duration(task.StartToClose))
	}
	if !task.Deadline.IsZero() && (at.IsZero() || task.Deadline.Before(at)) {
		at, kind = task.Deadline, protocol.TimeoutScheduleToClose
	}
	return at, kind
}

// watch arms the attempt's deadlines.
func (e *execution) watch(deadline time.Time, kind protocol.TimeoutType) (stop func()) {
	var whole *time.Timer
	if !deadline.IsZero() {
		whole = time.AfterFunc(time.Until(deadline), func() {
			e.expire(kind, "the attempt did not end in time")
		})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heartbeat > 0 {
		e.silence = time.AfterFunc(e.heartbeat, func() {
			e.expire(protocol.TimeoutHeartbeat, "no heartbeat came within "+e.heartbeat.String())
		})
	}
	return func() {
		if whole != nil {
			whole.Stop()
		}
		if e.silence != nil {
			e.silence.Stop()
		}
	}
}

func (e *execution) expire(kind protocol.TimeoutType, message string) {
	e.mu.Lock()
	if e.timedOut == nil {
		e.timedOut = protocol.TimeoutError(kind, message, nil)
		e.timedOut.Timeout.LastHeartbeat = e.latest
		close(e.over)
	}
	f := e.timedOut
	e.mu.Unlock()
	e.cancel(f)
}

func (e *execution) expired() *protocol.Failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.timedOut
}

// finish turns what user code returned into a result or a failure.
func (e *execution) finish(ctx context.Context, o outcome) (protocol.Payload, *protocol.Failure) {
	if o.err == nil {
		return o.result, nil
	}
	if f := e.expired(); f != nil {
		return protocol.Payload{}, f
	}
	if errors.Is(o.err, activity.ErrResultPending) {
		return protocol.Payload{}, pending
	}
	cause := context.Cause(ctx)
	stopped := errors.Is(o.err, context.Canceled) || errors.Is(o.err, protocol.ErrCanceled) || cause != nil && errors.Is(o.err, cause)
	switch {
	case stopped && errors.Is(cause, protocol.ErrCanceled):
		return protocol.Payload{}, protocol.CanceledError("the activity was canceled")
	case stopped && (errors.Is(cause, activity.ErrPaused) || errors.Is(cause, activity.ErrReset)):
		return protocol.Payload{}, interrupted
	}
	return protocol.Payload{}, protocol.NewFailure(o.err)
}

// panicked is a panic of user code.
type panicked struct{ value any }

// Error shows what was panicked with.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// ApplicationFailure implements [protocol.Applicable]. A panic is tried again like any other error, as in Temporal.
func (p *panicked) ApplicationFailure() *protocol.ApplicationFailure {
	return &protocol.ApplicationFailure{Type: "PanicError"}
}

// protect runs user code and turns a panic into an error: one activity must not take the worker down.
func protect(ctx context.Context, f function, in protocol.Payload) (out protocol.Payload, err error) {
	defer func() {
		if v := recover(); v != nil {
			failure := protocol.NewFailure(&panicked{value: v})
			failure.Stack = string(debug.Stack())
			err = failure
		}
	}()
	return f(ctx, in)
}

// env is what the activity's code can ask its context for.
func (e *execution) env(t *protocol.ActivityTask, deadline time.Time) *activity.Env {
	return &activity.Env{
		Details: activity.Details{
			Workflow: t.Workflow, Run: t.Run, WorkflowType: t.WorkflowType, ID: t.ActivityID, Type: t.Type, Queue: t.Queue,
			Attempt: t.Attempt, Scheduled: t.ScheduledTime, Started: time.Now().UTC(), Deadline: deadline,
			HeartbeatTimeout: e.heartbeat, LastFailure: t.LastFailure, Headers: t.Headers,
		},
		ScheduledID: t.ScheduledID, Forgiven: t.Forgiven, Reset: t.Reset,
		Logger:        e.w.log,
		Heartbeat:     e.beat,
		LastHeartbeat: e.lastHeartbeat,
		Files:         e.files,
	}
}

// logFailure says that an attempt failed. What belongs to the normal course of things is for debugging only.
func (w *Worker) logFailure(ctx context.Context, task *protocol.ActivityTask, f *protocol.Failure) {
	if f == nil {
		return
	}
	level := slog.LevelWarn
	if f.Canceled != nil || f.Application != nil && f.Application.Category == protocol.CategoryBenign {
		level = slog.LevelDebug
	}
	w.log.Log(ctx, level, "an attempt of an activity failed", "workflow_id", task.Workflow, "run_id", task.Run,
		"activity_type", task.Type, "activity_id", task.ActivityID, "attempt", task.Attempt, "error", f)
}
