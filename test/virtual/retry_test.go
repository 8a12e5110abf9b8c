package virtual

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// flaky fails a number of times, and notes when it was tried.
type flaky struct {
	fail func(attempt int) error // nil: succeed
	opts []workflow.ActivityOption

	mu    sync.Mutex
	tried []time.Time
}

func (f *flaky) Try(ctx context.Context, _ struct{}) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried = append(f.tried, time.Now())
	attempt := activity.Info(ctx).Attempt
	return attempt, f.fail(attempt)
}

func (f *flaky) Run(ctx workflow.Context, in struct{}) (int, error) {
	return workflow.Do(ctx, f.Try, in, f.opts...)
}

// waits are the whole seconds between the attempts: what a message needs to travel is less than one.
func (f *flaky) waits() (waits []time.Duration) {
	for i := 1; i < len(f.tried); i++ {
		waits = append(waits, f.tried[i].Sub(f.tried[i-1]).Truncate(100*time.Millisecond))
	}
	return waits
}

func (f *flaky) run(t *testing.T) (int, error) {
	t.Helper()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(f.Run), worker.Activity(f.Try))
	return rig.Run(t, e, f.Run, struct{}{}).Wait(t.Context())
}

var errNo = errors.New("no")

// Temporal's defaults: 1 s, doubled, at most 100 s, without end.
func TestRetriesByDefault(t *testing.T) {
	virtual(t, func(t *testing.T) {
		f := &flaky{fail: func(attempt int) error {
			if attempt < 10 {
				return errNo
			}
			return nil
		}}
		if attempt, err := f.run(t); attempt != 10 || err != nil {
			t.Errorf("attempt %d, %v", attempt, err)
		}
		want := make([]time.Duration, 0, 9)
		for _, s := range []int{1, 2, 4, 8, 16, 32, 64, 100, 100} {
			want = append(want, time.Duration(s)*time.Second)
		}
		if got := f.waits(); !slices.Equal(got, want) {
			t.Errorf("waited %s, want %s", got, want)
		}
	})
}

func TestRetriesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		opts  []workflow.ActivityOption
		fail  error
		tries int
		state protocol.RetryState
	}{
		"attempts": {[]workflow.ActivityOption{workflow.Attempts(3)}, errNo, 3, protocol.RetryMaximumAttemptsReached},
		"terminal": {nil, activity.Terminal(errNo), 1, protocol.RetryNonRetryableFailure},
		"a named type": {
			[]workflow.ActivityOption{workflow.Retry(workflow.RetryPolicy{NonRetryableTypes: []string{"Broke"}})},
			activity.NewError("Broke", "no money", nil), 1, protocol.RetryNonRetryableFailure,
		},
		"time": {[]workflow.ActivityOption{workflow.ScheduleToClose(10 * time.Second)}, errNo, 4, protocol.RetryTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				f := &flaky{fail: func(int) error { return c.fail }, opts: c.opts}
				_, err := f.run(t)
				a, ok := errors.AsType[*protocol.ActivityFailure](err)
				if !ok || a.RetryState != c.state {
					t.Errorf("the run ended with %v, %+v", err, a)
				}
				if len(f.tried) != c.tries {
					t.Errorf("%d attempts, want %d", len(f.tried), c.tries)
				}
			})
		})
	}
}

// The activity knows better than the policy when to come back.
func TestRetryAfter(t *testing.T) {
	virtual(t, func(t *testing.T) {
		f := &flaky{fail: func(attempt int) error {
			if attempt == 1 {
				return activity.RetryAfter(errNo, time.Hour)
			}
			return nil
		}}
		if attempt, err := f.run(t); attempt != 2 || err != nil {
			t.Errorf("attempt %d, %v", attempt, err)
		}
		if got := f.waits(); !slices.Equal(got, []time.Duration{time.Hour}) {
			t.Errorf("waited %s", got)
		}
	})
}

// Hang ends when its time is over, and no sooner.
func Hang(ctx context.Context, _ struct{}) (struct{}, error) {
	<-ctx.Done()
	return struct{}{}, context.Cause(ctx)
}

func Hanging(ctx workflow.Context, opt string) (struct{}, error) {
	opts := map[string]workflow.ActivityOption{
		"start-to-close": workflow.StartToClose(time.Minute),
		"heartbeat":      workflow.HeartbeatTimeout(time.Minute),
	}
	return workflow.Do(ctx, Hang, struct{}{}, opts[opt], workflow.Attempts(2))
}

// Each attempt has its time; two of them and the wait between make two minutes and a second.
func TestTimeouts(t *testing.T) {
	for opt, want := range map[string]protocol.TimeoutType{
		"start-to-close": protocol.TimeoutStartToClose, "heartbeat": protocol.TimeoutHeartbeat,
	} {
		t.Run(opt, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				e := rig.Start(t)
				e.Work(t, worker.Workflow(Hanging), worker.Activity(Hang))
				began := time.Now()
				_, err := rig.Run(t, e, Hanging, opt).Wait(t.Context())
				if f, ok := errors.AsType[*protocol.TimeoutFailure](err); !ok || f.Type != want {
					t.Errorf("the run ended with %v, %+v", err, f)
				}
				if took := time.Since(began).Truncate(time.Second); took != 2*time.Minute+time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// A run that is too slow is ended from outside.
func TestRunTimeout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		e := rig.Start(t)
		e.Work(t, worker.Workflow(Nap))
		began := time.Now()
		run := rig.Run(t, e, Nap, time.Hour, client.RunTimeout(time.Minute))
		_, err := run.Wait(t.Context())
		if _, ok := errors.AsType[*protocol.TimeoutFailure](err); !ok {
			t.Errorf("the run ended with %v", err)
		}
		if took := time.Since(began).Truncate(time.Second); took != time.Minute {
			t.Errorf("it took %s", took)
		}
		if d, err := e.Client().Describe(t.Context(), run.ID()); err != nil || d.Status != protocol.StatusTimedOut {
			t.Errorf("the run is %s, %v", d.Status, err)
		}
	})
}

// Code that hangs on something that is not the SDK's cannot be stopped: the step is given up after its time, tried again with
// growing pauses, and goes on once the code does.
func TestHangingCode(t *testing.T) {
	virtual(t, func(t *testing.T) {
		h := &hanging{over: make(chan struct{})}
		defer close(h.over)
		e := rig.Start(t)
		e.Work(t, worker.Workflow(h.Run), worker.Activity(h.Hello))
		began := time.Now()
		run := rig.Run(t, e, h.Run, struct{}{})
		if got := rig.Result(t, run); got != "done" {
			t.Errorf("got %q", got)
		}
		// Two steps of 10 s, and 1 s and 2 s before the next.
		if took := time.Since(began); took < 20*time.Second || took > 30*time.Second {
			t.Errorf("it took %s", took)
		}
		if n := len(rig.Find[protocol.WorkflowTaskFailed](e.History(t, run.ID()))); n != 1 {
			t.Errorf("%d failed steps were recorded, want the first only", n)
		}
	})
}

type hanging struct {
	over chan struct{}

	mu    sync.Mutex
	tries int
}

func (h *hanging) Hello(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }

func (h *hanging) Run(ctx workflow.Context, in struct{}) (string, error) {
	if _, err := workflow.Do(ctx, h.Hello, in); err != nil {
		return "", err
	}
	h.mu.Lock()
	h.tries++
	tries := h.tries
	h.mu.Unlock()
	if tries < 4 { // the first time the worker has foreseen the step, and nobody waits for it
		<-h.over // what no workflow should do
	}
	return "done", nil
}
