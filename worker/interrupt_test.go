package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// An attempt that makes way for a pause or a reset says so, and learns the reason as the cause of its context's end. One that fails for
// another reason, or comes to its end, is as if nobody had asked.
func TestInterruption(t *testing.T) {
	refused := errors.New("refused")
	tests := map[string]struct {
		why         protocol.StopReason
		returns     func(context.Context) error
		interrupted bool
	}{
		"paused, the context's error": {protocol.StopPaused, context.Context.Err, true},
		"reset, the cause":            {protocol.StopReset, context.Cause, true},
		"its own error":               {protocol.StopPaused, func(context.Context) error { return refused }, false},
		"done all the same":           {protocol.StopReset, func(context.Context) error { return nil }, false},
	}
	causes := map[protocol.StopReason]error{protocol.StopPaused: activity.ErrPaused, protocol.StopReset: activity.ErrReset}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := work(t, act(func(ctx context.Context, _ string) (string, error) {
					<-ctx.Done()
					if cause := context.Cause(ctx); !errors.Is(cause, causes[tt.why]) {
						t.Errorf("the cause is %v", cause)
					}
					return "done", tt.returns(ctx)
				}))
				task := s.start(attempt(t, "in", func(a *protocol.ActivityTask) { a.Forgiven, a.Reset = 3, 9 }), 1)
				synctest.Wait()
				s.cancel(protocol.CancelActivity{Run: testRun, ScheduledID: 5, Why: tt.why})
				r := s.end(task)
				if r.Interrupted != tt.interrupted || r.Attempt != 1 || r.Forgiven != 3 || r.Reset != 9 {
					t.Errorf("got %+v", r)
				}
			})
		})
	}
}

// recallOf recalls an attempt of the tests' activity, and one that there is not.
func recallOf(number int) protocol.CancelActivity {
	return protocol.CancelActivity{Run: testRun, Why: protocol.StopRecall, Attempts: []protocol.ActivityAttempt{
		{ScheduledID: 5, Number: number}, {ScheduledID: 55, Number: 1},
	}}
}

// Once the worker has said that it does not run an attempt, it does not begin it either, and leaves the task to whoever takes it off the
// queue. Another attempt of the same activity it takes as usual.
func TestRecalledAttemptDoesNotBegin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(context.Context, string) (string, error) { return "done", nil }))
		if held := s.cancel(recallOf(3)); len(held) > 0 {
			t.Errorf("the worker claims to run %v", held)
		}
		late := s.start(attempt(t, "in", func(a *protocol.ActivityTask) { a.Forgiven = 2 }), 1)
		if how := receive(t, late.ended, "the task's end"); how != "leave" {
			t.Errorf("the recalled task ended with %s", how)
		}
		next := s.start(attempt(t, "in", func(a *protocol.ActivityTask) { a.Forgiven = 3 }), 1)
		if r := s.end(next); r.Failure != nil {
			t.Errorf("the next one failed: %v", r.Failure)
		}
	})
}

// A worker that was taken for dead may have two attempts of one activity. Both hear that it is to stop.
func TestEveryAttemptIsToldToStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
		first, second := s.start(attempt(t, "in"), 1), s.start(attempt(t, "in"), 2)
		synctest.Wait()
		s.cancel(protocol.CancelActivity{Run: testRun, ScheduledID: 5})
		for _, task := range []*fakeTask{first, second} {
			if how := receive(t, task.ended, "the task's end"); how != "ack" {
				t.Errorf("the task ended with %s", how)
			}
		}
	})
}

// An attempt that began after it was told to stop is told with the recall.
func TestRecallStopsWhatHasBegun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
		task := s.start(attempt(t, "in"), 1)
		synctest.Wait()
		c := recallOf(1)
		c.Stop = protocol.StopPaused
		if held := s.cancel(c); len(held) != 1 {
			t.Errorf("the worker claims to run %v", held)
		}
		if r := s.end(task); !r.Interrupted {
			t.Errorf("got %+v", r)
		}
	})
}

// An attempt that runs is not recalled, and goes on.
func TestRecallOfARunningAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			<-release
			return "done", ctx.Err()
		}))
		task := s.start(attempt(t, "in"), 1)
		synctest.Wait()
		if held := s.cancel(recallOf(1)); len(held) != 1 || held[0].ScheduledID != 5 {
			t.Errorf("the worker claims to run %v", held)
		}
		close(release)
		if r := s.end(task); r.Failure != nil {
			t.Errorf("it failed: %v", r.Failure)
		}
	})
}

// Whoever recalls an attempt may die before taking it off its queue. It comes again, and begins in the end.
func TestARecallIsForgotten(t *testing.T) {
	t.Parallel()
	key := execKey{"run", 5}
	for age, want := range map[time.Duration]bool{time.Second: true, 2 * recalledFor: false} {
		r := recalls{{key, 1, time.Now().Add(-age)}}
		if got := r.has(key, 1); got != want {
			t.Errorf("after %s: recalled %t, want %t", age, got, want)
		}
	}
}
