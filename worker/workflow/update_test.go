package workflow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	set  = workflow.NewUpdate[int, string]("set")
	stop = workflow.NewSignal[bool]("stop")
)

// handling starts a workflow that handles set until it is told to stop.
func handling(t *testing.T, f func(workflow.Context, int) (string, error), opts ...workflow.UpdateOption[int]) *replaytest.World {
	t.Helper()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		workflow.HandleUpdate(ctx, set, f, opts...)
		_, err := workflow.Receive(ctx, stop)
		return nil, err
	}, nil)
	return w
}

// rejection returns why the answer's one update was refused.
func rejection(t *testing.T, a replay.Answer) string {
	t.Helper()
	if len(a.Rejections) != 1 || !errors.Is(a.Rejections[0].Failure, protocol.ErrRejected) {
		t.Fatalf("the answer rejects %v", a.Rejections)
	}
	return a.Rejections[0].Failure.Error()
}

// completion returns how the answer completes an update.
func completion(t *testing.T, a replay.Answer) protocol.CompleteUpdate {
	t.Helper()
	for _, c := range a.Commands {
		if done, ok := c.Attributes.(protocol.CompleteUpdate); ok {
			return done
		}
	}
	t.Fatalf("no update completes: %v", types(a))
	return protocol.CompleteUpdate{}
}

// A validator that changes something would make a replay differ: each of these is refused.
func TestValidatorThatDoesMoreThanLook(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(workflow.Context){
		"Do":           func(ctx workflow.Context) { _, _ = workflow.Do(ctx, Hello, "Ada") },
		"Start":        func(ctx workflow.Context) { workflow.Start(ctx, Hello, "Ada") },
		"Sleep":        func(ctx workflow.Context) { _ = workflow.Sleep(ctx, time.Hour) },
		"NewTimer":     func(ctx workflow.Context) { workflow.NewTimer(ctx, time.Hour) },
		"Receive":      func(ctx workflow.Context) { _, _ = workflow.Receive(ctx, stop) },
		"Await":        func(ctx workflow.Context) { _ = workflow.Await(ctx, func() bool { return false }) },
		"Go":           func(ctx workflow.Context) { workflow.Go(ctx, func(workflow.Context) {}) },
		"Rand":         func(ctx workflow.Context) { workflow.Rand(ctx) },
		"HandleUpdate": func(ctx workflow.Context) { workflow.HandleUpdate(ctx, set, greetNumber) },
		"panic":        func(workflow.Context) { panic("a vase") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := handling(t, greetNumber, workflow.Validate(func(ctx workflow.Context, _ int) error {
				f(ctx)
				return nil
			}))
			w.Update("u1", "set", 1)
			a := step(t, w)
			if why := rejection(t, a); !strings.Contains(why, "the validator of update set panicked") || !a.Unchanged {
				t.Errorf("the update was rejected with %q, unchanged %t", why, a.Unchanged)
			}
			w.Signal("stop", true)
			step(t, w)
		})
	}
}

func greetNumber(_ workflow.Context, n int) (string, error) {
	return strings.Repeat("hello ", n), nil
}

// A handler's error is its update's, and its panic is the workflow's: the step fails, and is tried again.
func TestHandlerThatFails(t *testing.T) {
	t.Parallel()
	w := handling(t, func(_ workflow.Context, n int) (string, error) {
		if n > 1 {
			panic("a vase")
		}
		return "", workflow.NewError("TooSmall", "not enough")
	})
	w.Update("u1", "set", 1)
	f := completion(t, step(t, w)).Failure
	var app *protocol.ApplicationFailure
	if !errors.As(f, &app) || app.Type != "TooSmall" {
		t.Errorf("the update failed with %v", f)
	}
	w.Update("u2", "set", 2)
	if a := w.Step(); a.Cause != protocol.CauseWorkflowPanic {
		t.Errorf("a handler's panic gives %+v", a)
	}
	if len(w.Offered()) != 1 {
		t.Errorf("%d updates wait after a failed step, want 1", len(w.Offered()))
	}
	w.Program = workflow.Program(func(ctx workflow.Context, _ any) (any, error) {
		workflow.HandleUpdate(ctx, set, func(ctx workflow.Context, n int) (string, error) {
			if n > 1 {
				return "mended", nil
			}
			return "", workflow.NewError("TooSmall", "not enough")
		})
		_, err := workflow.Receive(ctx, stop)
		return nil, err
	}, nil)
	if got := completion(t, step(t, w)).Result.String(); got != `"mended"` {
		t.Errorf("with mended code the update comes to %s", got)
	}
}

// A handler's context ends with the workflow's, and knows its update.
func TestHandlerContext(t *testing.T) {
	t.Parallel()
	var info workflow.UpdateCall
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		workflow.HandleUpdate(ctx, set, func(ctx workflow.Context, _ int) (string, error) {
			info = workflow.UpdateInfo(ctx)
			return "", workflow.Sleep(ctx, time.Hour)
		})
		err := workflow.Await(workflow.Disconnected(ctx), func() bool { return ctx.Err() != nil && workflow.AllHandlersFinished(ctx) })
		if workflow.UpdateInfo(ctx) != (workflow.UpdateCall{}) {
			t.Error("the workflow's own context knows an update")
		}
		return nil, err
	}, nil)
	w.Update("u1", "set", 1)
	step(t, w)
	if info != (workflow.UpdateCall{ID: "u1", Name: "set"}) {
		t.Errorf("the handler knows %+v", info)
	}
	w.Cancel()
	if f := completion(t, step(t, w)).Failure; !errors.Is(f, protocol.ErrCanceled) {
		t.Errorf("the update ends with %v", f)
	}
	if !w.Closed() {
		t.Error("the workflow still waits")
	}
}

// Signals are not taken away by a validator that looks for one.
func TestValidatorThatTakesASignal(t *testing.T) {
	t.Parallel()
	w := handling(t, greetNumber, workflow.Validate(func(ctx workflow.Context, _ int) error {
		workflow.TryReceive(ctx, approve)
		return nil
	}))
	w.Signal("approve", true)
	w.Update("u1", "set", 1)
	if why := rejection(t, step(t, w)); !strings.Contains(why, "must not receive a signal") {
		t.Error(why)
	}
}
