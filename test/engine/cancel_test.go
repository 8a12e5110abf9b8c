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

// Patient sleeps for a year unless it is canceled, and cleans up in either case.
func Patient(ctx workflow.Context, name string) (string, error) {
	err := workflow.Sleep(ctx, 365*24*time.Hour)
	if _, cleanErr := workflow.Do(workflow.Disconnected(ctx), Hello, name); cleanErr != nil {
		return "", cleanErr
	}
	return name, err
}

// A canceled run can still do what must be done before it ends.
func TestCancelWithCleanup(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Patient), worker.Activity(Hello))
	run := rig.Run(t, e, Patient, "Ada")
	e.Await(t, run.ID(), "TimerStarted")
	if err := e.Client().Cancel(t.Context(), run.ID(), client.Reason("no time")); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
		t.Errorf("the run ended with %v", err)
	}
	events := e.History(t, run.ID())
	if got := rig.Find[protocol.WorkflowExecutionCancelRequested](events); len(got) != 1 || got[0].Reason != "no time" {
		t.Errorf("history has the requests %+v", got)
	}
	if n := len(rig.Find[protocol.ActivityTaskCompleted](events)); n != 1 {
		t.Errorf("the cleanup ran %d times", n)
	}
	if n := len(rig.Find[protocol.TimerCanceled](events)); n != 1 {
		t.Errorf("the timer was canceled %d times", n)
	}
	if last := events[len(events)-1]; last.Type() != "WorkflowExecutionCanceled" {
		t.Errorf("the last event is %s", last.Type())
	}
}

// Beat works until it is told to stop. It learns that from its heartbeats.
func Beat(ctx context.Context, _ struct{}) (struct{}, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := activity.Heartbeat(ctx, nil); err != nil {
			return struct{}{}, err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func Beating(ctx workflow.Context, in struct{}) (struct{}, error) {
	return workflow.Do(ctx, Beat, in, workflow.HeartbeatTimeout(10*time.Second))
}

func TestCancelReachesTheActivity(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Beating), worker.Activity(Beat))
	run := rig.Run(t, e, Beating, struct{}{})
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	if err := e.Client().Cancel(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
		t.Errorf("the run ended with %v", err)
	}
}

// stuck is a workflow whose step hangs.
type stuck struct{ began, over chan struct{} }

func (s *stuck) Run(ctx workflow.Context, _ struct{}) (string, error) {
	if _, err := workflow.Do(ctx, Hello, "Ada"); err != nil {
		return "", err
	}
	close(s.began)
	<-s.over
	return "too late", nil
}

// Terminate does not wait for code that hangs, and what the code says later changes nothing.
func TestTerminateDuringAStep(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := &stuck{began: make(chan struct{}), over: make(chan struct{})}
	stop := e.Work(t, worker.Workflow(s.Run), worker.Activity(Hello))
	run := rig.Run(t, e, s.Run, struct{}{})
	<-s.began
	err := e.Client().Terminate(t.Context(), run.ID(), client.Reason("hopeless"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = run.Wait(t.Context())
	if f, ok := errors.AsType[*protocol.TerminatedFailure](err); !ok {
		t.Errorf("the run ended with %v (%v)", err, f)
	}
	close(s.over)
	stop()
	events := e.History(t, run.ID())
	if got := rig.Find[protocol.WorkflowExecutionTerminated](events); len(got) != 1 || got[0].Reason != "hopeless" {
		t.Errorf("history has %+v", got)
	}
	if last := events[len(events)-1]; last.Type() != "WorkflowExecutionTerminated" {
		t.Errorf("the last event is %s", last.Type())
	}
}
