package workflow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func TestCancelRequestReachesEveryWait(t *testing.T) {
	t.Parallel()
	waits := map[string]func(workflow.Context) error{
		"sleep":   func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) },
		"receive": func(ctx workflow.Context) error { _, err := workflow.Receive(ctx, approve); return err },
		"select": func(ctx workflow.Context) error {
			return workflow.Select(ctx, workflow.OnReceive(approve, func(bool) {}))
		},
		"await": func(ctx workflow.Context) error { return workflow.Await(ctx, func() bool { return false }) },
		"take":  func(ctx workflow.Context) error { _, err := workflow.NewChannel[int](ctx, 0).Receive(ctx); return err },
		"send":  func(ctx workflow.Context) error { return workflow.NewChannel[int](ctx, 0).Send(ctx, 1) },
		"do":    func(ctx workflow.Context) error { _, err := workflow.Do(ctx, hello, ""); return err },
		"get": func(ctx workflow.Context) error {
			f, _ := workflow.NewFuture[int](ctx)
			_, err := f.Get(ctx)
			return err
		},
		"group": func(ctx workflow.Context) error {
			g := workflow.NewGroup(ctx)
			g.Go(func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) })
			return g.Wait()
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
				first := wait(ctx)
				if again := wait(ctx); !errors.Is(again, workflow.ErrCanceled) {
					t.Errorf("a cancelled context waits: %v", again)
				}
				return nil, first
			}, nil)
			w.Cancel()
			a := step(t, w)
			if last := a.Commands[len(a.Commands)-1]; last.Type() != "CancelWorkflowExecution" || !w.Closed() {
				t.Errorf("commands %v", a.Commands)
			}
		})
	}
}

func TestCancelErrorWithoutARequestIsAFailure(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		child, cancel := workflow.WithCancel(ctx)
		cancel()
		cancel()
		return nil, workflow.Sleep(child, time.Hour)
	}, nil)
	if f := failure(t, a); f.Canceled == nil {
		t.Errorf("failure %+v", f)
	}
}

// The timer fires in the step that cancels: Sleep has done what it was asked to. A signal is received likewise.
func TestWhatEndsInTheStepOfTheCancellation(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		if err := workflow.Sleep(ctx, time.Hour); err != nil {
			t.Errorf("sleep: %v", err)
		}
		if _, err := workflow.Receive(workflow.Disconnected(ctx), approve); err != nil {
			t.Errorf("receive: %v", err)
		}
		return nil, workflow.Sleep(ctx, time.Hour)
	}, nil)
	w.Cancel()
	w.Fire("1")
	w.Signal("approve", true)
	if got := types(step(t, w)); !slices.Equal(got, []protocol.CommandType{"CancelWorkflowExecution"}) {
		t.Errorf("commands %v", got)
	}
}

func TestWithTimeout(t *testing.T) {
	t.Parallel()
	var reason error
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		child, cancel := workflow.WithTimeout(ctx, time.Minute)
		defer cancel()
		_, err := workflow.Receive(child, approve)
		reason = child.Err()
		return nil, err
	}, nil)
	w.Fire("1")
	f := failure(t, step(t, w))
	if !errors.Is(f, workflow.ErrCanceled) || reason.Error() != "canceled after 1m0s" {
		t.Errorf("failure %v, context %v", f, reason)
	}
}

func TestWithTimeoutOfNothing(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) (bool, error) {
		child, cancel := workflow.WithTimeout(ctx, 0)
		defer cancel()
		grandchild, cancel2 := workflow.WithTimeout(child, time.Hour)
		defer cancel2()
		return child.Err() != nil && grandchild.Err() != nil && ctx.Err() == nil, nil
	}, nil)
	if !result[bool](t, a) {
		t.Error("not cancelled at once")
	}
}

func TestDisconnectedOutlivesTheCancellation(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (string, error) {
		if err := workflow.Sleep(ctx, time.Hour); errors.Is(err, workflow.ErrCanceled) {
			return workflow.Do(workflow.Disconnected(ctx), hello, "cleanup")
		}
		return "", nil
	}, nil)
	w.Cancel()
	step(t, w)
	w.Complete("1", "clean")
	if got := result[string](t, step(t, w)); got != "clean" {
		t.Errorf("result %q", got)
	}
}

func TestGroupCancelsTheOthers(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		g := workflow.NewGroup(ctx)
		g.Go(func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) })
		g.Go(func(ctx workflow.Context) error { _, err := workflow.Do(ctx, hello, ""); return err })
		err := g.Wait()
		if errors.Is(err, workflow.ErrCanceled) {
			t.Error("the cancellation hides what caused it")
		}
		return nil, err
	}, nil)
	w.Fail("1", &protocol.Failure{Message: "bad"})
	want := []protocol.CommandType{"CancelTimer", "FailWorkflowExecution"}
	if got := types(step(t, w)); !slices.Equal(got, want) {
		t.Errorf("commands %v", got)
	}
}
