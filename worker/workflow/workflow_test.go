package workflow_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func TestInputAndResultMustCrossTheWire(t *testing.T) {
	t.Parallel()
	w := replaytest.New(workflow.Program(func(workflow.Context, int) (int, error) { return 0, nil }, nil))
	defer w.Close()
	w.Start("text")
	f := failure(t, w.Step())
	if !strings.Contains(f.Error(), "the input of workflow test.Workflow cannot be decoded") || !f.Application.NonRetryable {
		t.Error(f)
	}
	_, a := begin(t, func(workflow.Context, any) (func(), error) { return func() {}, nil }, nil)
	if f := failure(t, a); !strings.Contains(f.Error(), "the result of workflow test.Workflow cannot be encoded") {
		t.Error(f)
	}
}

func TestErrorsKeepTheirType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want string
		data string
	}{
		{workflow.NewError("OutOfStock", "no lamps"), "OutOfStock", ""},
		{workflow.NewError("OutOfStock", "no lamps", "lamp"), "OutOfStock", `"lamp"`},
		{workflow.NewError("OutOfStock", "no lamps", "lamp", 2), "OutOfStock", `["lamp",2]`},
		{errors.New("plain"), "errorString", ""},
		{fmt.Errorf("order: %w", workflow.NewError("OutOfStock", "no lamps")), "wrapError", ""},
	} {
		_, a := begin(t, func(workflow.Context, any) (any, error) { return nil, test.err }, nil)
		f := failure(t, a)
		if f.Application.Type != test.want || f.Error() != test.err.Error() {
			t.Errorf("%v: %s %v", test.err, f.Application.Type, f)
		}
		if d := f.Application.Details; test.data != "" && (d == nil || d.String() != test.data) {
			t.Errorf("%v: details %v", test.err, d)
		}
	}
	if err := workflow.NewError("T", "m", make(chan int)); !strings.Contains(err.Error(), "cannot be encoded") {
		t.Error(err)
	}
}

func TestTimeStandsStillDuringAStep(t *testing.T) {
	t.Parallel()
	var at []time.Time
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		at = append(at, workflow.Now(ctx), workflow.Now(ctx))
		fired, err := workflow.NewTimer(ctx, time.Hour).Get(ctx)
		at = append(at, fired, workflow.Now(ctx))
		return nil, err
	}, nil)
	w.Now = w.Now.Add(time.Hour)
	w.Fire("1")
	step(t, w)
	started := w.History[7]
	if !at[0].Equal(at[1]) || !at[2].Equal(started.Time) || !at[3].Equal(started.Time) {
		t.Errorf("times %v, step began %v", at, started)
	}
}

func TestNoTimeNoTimer(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) (bool, error) {
		return workflow.NewTimer(ctx, -1).Ready(), workflow.Sleep(ctx, 0)
	}, nil)
	if !result[bool](t, a) {
		t.Error("a timer of no time waits")
	}
}

func TestLoggerIsSilentDuringReplay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	w := replaytest.New(workflow.Program(func(ctx workflow.Context, _ any) (any, error) {
		workflow.Logger(ctx).WithGroup("g").With("a", 1).Info("before")
		err := workflow.Sleep(ctx, time.Hour)
		workflow.Logger(ctx).Info("after")
		return nil, err
	}, log))
	defer w.Close()
	w.Start(nil)
	w.Step()
	w.Crash()
	w.Fire("1")
	w.Step()
	const ids = "workflow_id=w run_id=r workflow_type=test.Workflow"
	want := "level=INFO msg=before " + ids + " g.a=1\nlevel=INFO msg=after " + ids + "\n"
	if out.String() != want {
		t.Errorf("log:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestInfoAndRand(t *testing.T) {
	t.Parallel()
	var info workflow.Info
	w, a := begin(t, func(ctx workflow.Context, _ any) ([]int, error) {
		info = workflow.GetInfo(ctx)
		return []int{workflow.Rand(ctx).IntN(1000), workflow.Rand(ctx).IntN(1000)}, nil
	}, nil)
	if info.Workflow != "w" || info.Run != "r" || info.Queue != "q" || info.Attempt != 1 || info.HistoryLength != 3 ||
		!info.StartTime.Equal(w.History[0].Time) {
		t.Errorf("info %+v", info)
	}
	if got := result[[]int](t, a); got[0] == got[1] {
		t.Errorf("numbers %v", got) // that they are the same again is checked by the replay in begin
	}
}

func TestChannelTryReceive(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ string) (string, error) {
		ch := workflow.NewChannel[string](ctx, 0)
		if v, ok := ch.TryReceive(); ok {
			return "", fmt.Errorf("an empty channel gave %q", v)
		}
		sent := false
		workflow.Go(ctx, func(ctx workflow.Context) { sent = ch.Send(ctx, "x") == nil })
		if err := workflow.Await(ctx, func() bool { return ch.Len() == 1 }); err != nil {
			return "", err
		}
		v, ok := ch.TryReceive()
		err := workflow.Await(ctx, func() bool { return sent })
		return fmt.Sprint(v, ok), err
	}, "")
	if got := result[string](t, a); got != "xtrue" {
		t.Errorf("got %q", got)
	}
}

func TestChannelIsClosedAfterItsValues(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) ([]string, error) {
		ch := workflow.NewChannel[string](ctx, 2)
		for _, s := range []string{"a", "b"} {
			if err := ch.Send(ctx, s); err != nil {
				return nil, err
			}
		}
		ch.Close()
		ch.Close()
		if err := ch.Send(ctx, "c"); !errors.Is(err, workflow.ErrClosed) || ch.Len() != 2 {
			t.Errorf("sent to a closed channel: %v", err)
		}
		var got []string
		for {
			s, err := ch.Receive(ctx)
			if errors.Is(err, workflow.ErrClosed) {
				return got, nil
			}
			got = append(got, s)
		}
	}, nil)
	if got := result[[]string](t, a); strings.Join(got, "") != "ab" {
		t.Errorf("received %v", got)
	}
}

// A sender that gives up takes its value back, and the next sender's value has the room.
func TestSenderThatGivesUp(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) (int, error) {
		ch := workflow.NewChannel[int](ctx, 0)
		child, cancel := workflow.WithCancel(ctx)
		workflow.Go(child, func(ctx workflow.Context) {
			if err := ch.Send(ctx, 1); !errors.Is(err, workflow.ErrCanceled) {
				t.Errorf("sent: %v", err)
			}
		})
		workflow.Go(ctx, func(ctx workflow.Context) { _ = ch.Send(ctx, 2) })
		if err := workflow.Await(ctx, func() bool { return ch.Len() == 2 }); err != nil {
			return 0, err
		}
		cancel()
		if err := workflow.Await(ctx, func() bool { return ch.Len() == 1 }); err != nil {
			return 0, err
		}
		return ch.Receive(ctx)
	}, nil)
	if got := result[int](t, a); got != 2 {
		t.Errorf("received %d", got)
	}
}

func TestFutureSettlesOnce(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) (int, error) {
		f, settle := workflow.NewFuture[int](ctx)
		if f.Ready() {
			t.Error("ready too early")
		}
		workflow.Go(ctx, func(workflow.Context) {
			settle(1, nil)
			settle(2, errors.New("too late"))
		})
		if _, err := f.Get(ctx); err != nil {
			return 0, err
		}
		return f.Get(ctx)
	}, nil)
	if got := result[int](t, a); got != 1 {
		t.Errorf("value %d", got)
	}
}

// Coroutines that take turns must cost what they are, not the square of it.
func TestManyCoroutinesTakeTurns(t *testing.T) {
	t.Parallel()
	const n = 10_000
	var order []int
	_, a := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		free := workflow.NewChannel[struct{}](ctx, 1)
		if err := free.Send(ctx, struct{}{}); err != nil {
			return nil, err
		}
		g := workflow.NewGroup(ctx)
		for i := range n {
			g.Go(func(ctx workflow.Context) error {
				if _, err := free.Receive(ctx); err != nil {
					return err
				}
				order = append(order, i)
				return errors.Join(workflow.Await(ctx, func() bool { return true }), free.Send(ctx, struct{}{}))
			})
		}
		return nil, g.Wait()
	}, nil)
	result[any](t, a)
	if len(order) < n || !slices.IsSorted(order[:n]) {
		t.Errorf("%d turns, out of order", len(order))
	}
}

func TestZeroContext(t *testing.T) {
	t.Parallel()
	w := replaytest.New(workflow.Program(func(workflow.Context, any) (time.Time, error) {
		return time.Time{}, workflow.Sleep(workflow.Context{}, time.Hour)
	}, nil))
	defer w.Close()
	w.Start(nil)
	if a := w.Step(); a.Cause != protocol.CauseWorkflowPanic || !strings.Contains(a.Failure.Message, "zero Context") {
		t.Errorf("answer %v", a)
	}
}
