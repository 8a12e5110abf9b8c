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

// untilTold waits for its context like an activity that does as it is asked.
func untilTold(ctx context.Context, _ string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// An attempt ends at the first deadline that passes, to the second, whatever its code does meanwhile.
func TestDeadlineEndsTheAttempt(t *testing.T) {
	const minute = protocol.Duration(time.Minute)
	tests := map[string]struct {
		limit func(*protocol.ActivityTask)
		after time.Duration
		want  protocol.TimeoutType
	}{
		"start to close": {
			func(a *protocol.ActivityTask) { a.StartToClose = minute }, time.Minute, protocol.TimeoutStartToClose,
		},
		"schedule to close": {
			func(a *protocol.ActivityTask) { a.Deadline = time.Now().Add(time.Hour) }, time.Hour, protocol.TimeoutScheduleToClose,
		},
		"start to close before schedule to close": {
			func(a *protocol.ActivityTask) { a.StartToClose, a.Deadline = minute, time.Now().Add(time.Hour) },
			time.Minute, protocol.TimeoutStartToClose,
		},
		"schedule to close before start to close": {
			func(a *protocol.ActivityTask) { a.StartToClose, a.Deadline = minute, time.Now().Add(time.Second) },
			time.Second, protocol.TimeoutScheduleToClose,
		},
		"no heartbeat": {
			func(a *protocol.ActivityTask) { a.Heartbeat, a.StartToClose = minute/2, minute },
			30 * time.Second, protocol.TimeoutHeartbeat,
		},
		"a deadline that has passed": {
			func(a *protocol.ActivityTask) { a.Deadline = time.Now().Add(-time.Hour) }, 0, protocol.TimeoutScheduleToClose,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				deaf := make(chan struct{})
				told := make(chan error, 1)
				s := work(t, act(func(ctx context.Context, _ string) (string, error) {
					<-ctx.Done()
					told <- activity.Heartbeat(ctx, "still here")
					<-deaf
					return "too late", nil
				}))
				r := s.run(attempt(t, "in", tt.limit))
				if r.Failure == nil || r.Failure.Timeout == nil || r.Failure.Timeout.Type != tt.want {
					t.Errorf("got %+v, want a timeout of type %s", r.Failure, tt.want)
				}
				if after := time.Since(r.Started); after != tt.after {
					t.Errorf("the attempt was given up after %s, want %s", after, tt.after)
				}
				if why, ok := errors.AsType[*protocol.TimeoutFailure](<-told); !ok || why.Type != tt.want {
					t.Errorf("the code was told %v", why)
				}
				close(deaf)
				synctest.Wait()
				if len(s.results) > 0 {
					t.Errorf("what came too late was stored: %+v", s.results)
				}
			})
		})
	}
}

func TestCancellationIsToldByTheNextHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began, looked := make(chan struct{}), make(chan struct{})
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			if err := activity.Heartbeat(ctx, 1); err != nil {
				t.Errorf("the first heartbeat was answered %v", err)
			}
			close(began)
			<-looked
			err := activity.Heartbeat(ctx, 2)
			if !errors.Is(err, protocol.ErrCanceled) {
				t.Errorf("the second heartbeat was answered %v, want a cancellation", err)
			}
			return "", err
		}))
		task := s.start(attempt(t, "in"), 1)
		<-began
		s.cancel(protocol.CancelActivity{Run: "another", ScheduledID: 5})
		s.cancel(protocol.CancelActivity{Run: testRun, ScheduledID: 6})
		s.cancel(protocol.CancelActivity{Run: testRun, ScheduledID: 5})
		close(looked)
		if r := s.end(task); r.Failure == nil || r.Failure.Canceled == nil {
			t.Errorf("got %+v, want a cancellation", r.Failure)
		}
	})
}

// An activity that is asked to stop has the last word: it may have come to its end, or fail while it cleans up.
func TestCanceledActivitySaysItselfHowItEnded(t *testing.T) {
	tests := map[string]struct {
		returns error
		holds   func(*protocol.Failure) bool
	}{
		"it had come to its end": {nil, func(f *protocol.Failure) bool { return f == nil }},
		"it stopped":             {context.Canceled, func(f *protocol.Failure) bool { return f.Canceled != nil }},
		"it failed to clean up": {errors.New("disk full"), func(f *protocol.Failure) bool {
			return f.Canceled == nil && f.Message == "disk full"
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := work(t, act(func(ctx context.Context, _ string) (string, error) {
					<-ctx.Done()
					<-time.After(time.Minute) // cleaning up
					return "done", tt.returns
				}))
				task := s.start(attempt(t, "in"), 1)
				synctest.Wait()
				s.cancel(protocol.CancelActivity{Run: testRun, ScheduledID: 5})
				r := s.end(task)
				if !tt.holds(r.Failure) || time.Since(r.Started) != time.Minute {
					t.Errorf("after %s: %+v", time.Since(r.Started), r.Failure)
				}
			})
		})
	}
}

// Without this a canceled activity that does not listen would hold its slot and its task for as long as the process lives.
func TestDeadlineHoldsForACanceledActivity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		deaf := make(chan struct{})
		defer close(deaf)
		s := work(t, act(func(context.Context, string) (string, error) {
			<-deaf
			return "", nil
		}))
		task := s.start(attempt(t, "in", func(a *protocol.ActivityTask) { a.StartToClose = protocol.Duration(time.Minute) }), 1)
		synctest.Wait()
		s.cancel(protocol.CancelActivity{Run: testRun, ScheduledID: 5})
		r := s.end(task)
		if r.Failure == nil || r.Failure.Timeout == nil || time.Since(r.Started) != time.Minute {
			t.Errorf("after %s: %+v", time.Since(r.Started), r.Failure)
		}
	})
}

// An error that only looks like a cancellation is one like any other, or the workflow would believe that it had asked for it.
func TestContextErrorOfTheCodesOwnIsNoCancellation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return untilTold(ctx, "")
		}))
		if f := s.run(attempt(t, "in")).Failure; f == nil || f.Canceled != nil || f.Application == nil || f.Application.NonRetryable {
			t.Errorf("got %+v, want a failure to try again", f)
		}
	})
}
