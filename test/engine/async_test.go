package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// desk hands the tokens of its activities to whoever completes them.
type desk struct{ tokens chan string }

// openDesk is an engine with a worker that has a desk.
func openDesk(t *testing.T) (*rig.Engine, *desk) {
	t.Helper()
	e, d := rig.Start(t), &desk{tokens: make(chan string, 1)}
	e.Work(t, worker.Workflow(d.Decide), worker.Workflow(d.Elsewhere), worker.Workflow(d.Watch), worker.Activity(d.Ask))
	return e, d
}

func (d *desk) Ask(ctx context.Context, _ string) (string, error) {
	d.tokens <- activity.Token(ctx)
	return "", activity.ErrResultPending
}

func (d *desk) Decide(ctx workflow.Context, question string) (string, error) {
	return workflow.Do(ctx, d.Ask, question, workflow.Attempts(2), workflow.Retry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(time.Millisecond), MaximumAttempts: 2,
	}))
}

// An activity ends long after its worker: by token, from anywhere, once. A failure is tried again.
func TestAsyncCompletion(t *testing.T) {
	t.Parallel()
	e, d := openDesk(t)
	run := rig.Run(t, e, d.Decide, "may I?")
	c := e.Client()
	first := <-d.tokens
	e.Await(t, run.ID(), "ActivityTaskStarted")
	if err := c.FailActivity(t.Context(), first, errors.New("ask again")); err != nil {
		t.Fatal(err)
	}
	second := <-d.tokens
	if _, err := c.HeartbeatActivity(t.Context(), second, "thinking"); err != nil {
		t.Error(err)
	}
	if err := c.FailActivity(t.Context(), first, errors.New("too late")); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("the token of an attempt that is over: %v", err)
	}
	if err := c.CompleteActivity(t.Context(), second, "you may"); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); got != "you may" {
		t.Errorf("got %q", got)
	}
	if err := c.CompleteActivity(t.Context(), "nonsense", 1); protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("a token that is none: %v", err)
	}
}

// Whoever was handed no token makes one of the IDs that describe shows.
func TestAsyncCompletionByID(t *testing.T) {
	t.Parallel()
	e, d := openDesk(t)
	run := rig.Run(t, e, d.Decide, "may I?")
	<-d.tokens
	e.Await(t, run.ID(), "ActivityTaskStarted")
	token, err := e.Client().ActivityToken(t.Context(), run.ID(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Client().CompleteActivity(t.Context(), token, "yes"); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); got != "yes" {
		t.Errorf("got %q", got)
	}
	if _, err := e.Client().ActivityToken(t.Context(), run.ID(), "1"); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("the token of an activity that is over: %v", err)
	}
}

// Elsewhere asks on another queue, and again after an hour.
func (d *desk) Elsewhere(ctx workflow.Context, queue string) (string, error) {
	return workflow.Do(ctx, d.Ask, "may I?", workflow.Queue(queue), workflow.Retry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(time.Hour),
	}))
}

// A token that was made of IDs is good for the attempt that is pending when it is used, and describe shows which that is. What an attempt
// handed out is good for that attempt alone.
func TestTokensByIDAreOfTheLatestAttempt(t *testing.T) {
	t.Parallel()
	e, d := openDesk(t)
	c, run := e.Client(), rig.Run(t, e, d.Elsewhere, "nobody")
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	first, err := c.ActivityToken(t.Context(), run.ID(), "1")
	check(t, err)
	for n := 1; n < 4; n++ {
		check(t, c.FailActivity(t.Context(), first, errors.New("not yet")))
		if p := pending(t, e, run.ID()); p.Attempt != n+1 || !p.NextAttempt.After(time.Now()) || p.LastFailure.Message != "not yet" {
			t.Errorf("after %d failures, describe shows %+v", n, p)
		}
	}
	check(t, c.ResetActivity(t.Context(), run.ID(), "1"))
	rig.Until(t, "the first attempt is back on its queue", func() bool {
		p := pending(t, e, run.ID())
		return p.NextAttempt.IsZero() && p.Attempt == 1 && p.Forgiven == 3
	})
	check(t, c.FailActivity(t.Context(), first, errors.New("not yet")))
	check(t, c.CompleteActivity(t.Context(), first, "at last"))
	if got := rig.Result(t, run); got != "at last" {
		t.Errorf("got %q", got)
	}
}

func (d *desk) Watch(ctx workflow.Context, question string) (string, error) {
	return workflow.Do(ctx, d.Ask, question, workflow.HeartbeatTimeout(300*time.Millisecond), workflow.Retry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(time.Millisecond),
	}))
}

// Whoever was to complete an activity falls silent: the next attempt asks anew, and finds what was reported.
func TestAsyncSilence(t *testing.T) {
	t.Parallel()
	e, d := openDesk(t)
	run := rig.Run(t, e, d.Watch, "may I?")
	first := <-d.tokens
	e.Await(t, run.ID(), "ActivityTaskStarted")
	if _, err := e.Client().HeartbeatActivity(t.Context(), first, "thinking"); err != nil {
		t.Fatal(err)
	}
	second := <-d.tokens
	p := pending(t, e, run.ID())
	if p.Attempt < 2 || p.LastFailure == nil || p.LastFailure.Timeout == nil || p.LastFailure.Timeout.Type != protocol.TimeoutHeartbeat {
		t.Errorf("the next attempt begins because of %+v", p)
	}
	if err := e.Client().CompleteActivity(t.Context(), second, "you may"); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); got != "you may" {
		t.Errorf("got %q", got)
	}
}

func waits(ctx workflow.Context, d time.Duration) (string, error) {
	return workflow.NewActivity[int, string]("nobody").Do(ctx, 1, workflow.Queue("nobody"), workflow.ScheduleToStart(d))
}

// No worker begins the activity: its workflow hears of it in time, and it is not tried again.
func TestScheduleToStart(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(waits, worker.Named("waits")))
	run, err := client.StartNamed[string](t.Context(), e.Client(), "waits", 50*time.Millisecond, client.Queue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	_, err = run.Wait(t.Context())
	var late *protocol.TimeoutFailure
	if !errors.As(err, &late) || late.Type != protocol.TimeoutScheduleToStart {
		t.Errorf("the run ended with %v, want a timeout of type %s", err, protocol.TimeoutScheduleToStart)
	}
}
