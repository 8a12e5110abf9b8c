package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
)

// serveAlone starts the shop's activity without a workflow.
func serveAlone(t *testing.T, e *rig.Engine, s *shop, how client.ActivityOptions, opts ...client.StartOption) *client.Run[int] {
	t.Helper()
	run, err := client.StartActivity(t.Context(), e.Client(), s.Serve, "it", how, append(opts, client.Queue(rig.Queue))...)
	check(t, err)
	return run
}

// again tries once more, at once.
var again = client.ActivityOptions{Retry: protocol.RetryPolicy{InitialInterval: 1, MaximumAttempts: 2}}

// An activity that runs alone is tried again as its policy says, and its result is the run's.
func TestActivityAlone(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, worker.Activity(s.Serve))
	run := serveAlone(t, e, s, again, client.ID("alone"), client.Memo(map[string]any{"for": "Ada"}))
	d := <-s.begun
	if d.Workflow != "alone" || d.WorkflowType != "" || d.Attempt != 1 || d.Type != nameOf(t, s.Serve) {
		t.Errorf("the activity is told %+v", d)
	}
	desc, err := e.Client().Describe(t.Context(), "alone")
	check(t, err)
	if !desc.Activity || desc.Type != d.Type || len(desc.Activities) != 1 || len(desc.Memo) != 1 || desc.Task != nil {
		t.Errorf("describe shows %+v", desc)
	}
	s.end <- errors.New("not yet")
	<-s.begun
	s.end <- nil
	if got := rig.Result(t, run); got != 2 {
		t.Errorf("it ended in attempt %d", got)
	}
	want := "WorkflowExecutionStarted ActivityTaskScheduled ActivityTaskStarted ActivityTaskCompleted WorkflowExecutionCompleted"
	var types []string
	for _, typ := range rig.Types(e.History(t, "alone")) {
		types = append(types, string(typ))
	}
	if got := strings.Join(types, " "); got != want {
		t.Errorf("history is %s, want %s", got, want)
	}
	if _, err := client.DoActivity(t.Context(), e.Client(), s.Serve, "it", again, client.Queue(rig.Queue), client.ID("alone"),
		client.Reuse(protocol.ReuseAfterFailure)); !errors.Is(err, protocol.ErrAlreadyStarted) {
		t.Errorf("the ID of an activity that completed: %v", err)
	}
}

// How the activity ends, the run does.
func TestEndsOfAnActivityAlone(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, worker.Activity(s.Serve))
	for name, tt := range map[string]struct {
		how  client.ActivityOptions
		ends func(id string)
		is   func(error) bool
		in   protocol.Status
	}{
		"fails": {client.ActivityOptions{}, func(string) { s.end <- activity.Terminal(errors.New("sold out")) }, func(err error) bool {
			return strings.Contains(err.Error(), "sold out")
		}, protocol.StatusFailed},
		"takes too long": {client.ActivityOptions{ScheduleToClose: 50 * time.Millisecond}, func(string) {}, func(err error) bool {
			f, ok := errors.AsType[*protocol.TimeoutFailure](err)
			return ok && f.Type == protocol.TimeoutScheduleToClose
		}, protocol.StatusTimedOut},
		"is canceled": {client.ActivityOptions{}, func(id string) { check(t, e.Client().Cancel(t.Context(), id)) }, func(err error) bool {
			return errors.Is(err, protocol.ErrCanceled)
		}, protocol.StatusCanceled},
		"is terminated": {client.ActivityOptions{}, func(id string) { check(t, e.Client().Terminate(t.Context(), id)) }, func(err error) bool {
			return errors.As(err, new(*protocol.TerminatedFailure))
		}, protocol.StatusTerminated},
	} {
		run := serveAlone(t, e, s, tt.how)
		<-s.begun
		tt.ends(run.ID())
		if _, err := run.Wait(t.Context()); err == nil || !tt.is(err) {
			t.Errorf("one that %s ends with %v", name, err)
		}
		if d, err := e.Client().Describe(t.Context(), run.ID()); err != nil || d.Status != tt.in {
			t.Errorf("one that %s is %s, %v", name, d.Status, err)
		}
	}
}

// One that has not begun is canceled at once, whether it waits for its time or for a worker.
func TestCancelOfAnActivityAloneThatHasNotBegun(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	for _, opts := range [][]client.StartOption{{client.Delay(time.Hour)}, {}} {
		run := serveAlone(t, e, s, client.ActivityOptions{}, opts...)
		check(t, e.Client().Cancel(t.Context(), run.ID()))
		if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
			t.Errorf("it ended with %v", err)
		}
	}
	run := serveAlone(t, e, s, again, client.Delay(50*time.Millisecond))
	e.Work(t, worker.Activity(s.Serve))
	<-s.begun
	s.end <- nil
	rig.Result(t, run)
}

// What takes code is refused, and what only a workflow can have.
func TestWhatAnActivityAloneCannot(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	c := e.Client()
	run := serveAlone(t, e, s, again, client.ID("alone"))
	_, query := client.Query(t.Context(), c, "alone", protocol.NewQuery[int, int]("q"), 1)
	_, update := client.Update(t.Context(), c, "alone", protocol.NewUpdate[int, int]("u"), 1)
	_, reset := c.Reset(t.Context(), "alone", 1)
	_, timeout := client.StartActivity(t.Context(), c, s.Serve, "it", again, client.Queue(rig.Queue), client.RunTimeout(time.Hour))
	_, signal := client.SignalWithStartNamed[int](t.Context(), c, "some.Workflow", nil, "go", 1, client.Queue(rig.Queue), client.ID("alone"))
	for what, err := range map[string]error{
		"signal": client.Signal(t.Context(), c, "alone", word, "hello"), "signal-with-start": signal,
		"query": query, "update": update, "reset": reset, "pause": c.Pause(t.Context(), "alone"), "run timeout": timeout,
	} {
		if e := protocol.AsError(err); err == nil || e.Code != protocol.CodeBadRequest || e.Hint == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	check(t, c.PauseActivity(t.Context(), "alone", "1"))
	e.Work(t, worker.Activity(s.Serve))
	check(t, c.UnpauseActivity(t.Context(), "alone", nameOf(t, s.Serve)))
	<-s.begun
	s.end <- nil
	rig.Result(t, run)
}

// Somebody else completes an activity that runs alone.
func TestAsyncActivityAlone(t *testing.T) {
	t.Parallel()
	e, d := openDesk(t)
	ended := make(chan string, 1)
	go func() {
		answer, err := client.DoActivity(context.WithoutCancel(t.Context()), e.Client(), d.Ask, "may I?", again, client.Queue(rig.Queue))
		if err != nil {
			t.Error(err)
		}
		ended <- answer
	}()
	check(t, e.Client().CompleteActivity(t.Context(), <-d.tokens, "you may"))
	if got := <-ended; got != "you may" {
		t.Errorf("got %q", got)
	}
}
