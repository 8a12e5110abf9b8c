package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

type order struct {
	Item  string
	Count int
}

func TestActivityTakesAndReturnsTypedValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(_ context.Context, o order) ([]string, error) {
			return strings.Split(strings.Repeat(o.Item, o.Count), ""), nil
		}))
		r := s.run(attempt(t, order{"x", 3}))
		if got := decode[[]string](t, r.Result); r.Failure != nil || strings.Join(got, "-") != "x-x-x" {
			t.Errorf("got %q, %v", got, r.Failure)
		}
		if r.Run != testRun || r.ScheduledID != 5 || r.Attempt != 1 || r.Worker != "worker-1" || !r.Started.Equal(time.Now()) {
			t.Errorf("the result says of itself: %+v", r)
		}
	})
}

// What user code answers decides whether it is tried again, so the failure must say it on the wire.
func TestFailureTellsTheRetryPolicyWhatItMustKnow(t *testing.T) {
	broke := errors.New("no money")
	tests := map[string]struct {
		f    func(context.Context, string) (any, error)
		want protocol.ApplicationFailure
		says string
	}{
		"an error": {
			f:    func(context.Context, string) (any, error) { return nil, broke },
			want: protocol.ApplicationFailure{Type: "errorString"}, says: "no money",
		},
		"a terminal error": {
			f: func(context.Context, string) (any, error) {
				return nil, fmt.Errorf("charge: %w", activity.Terminal(broke))
			},
			want: protocol.ApplicationFailure{Type: "errorString", NonRetryable: true}, says: "charge: no money",
		},
		"an error to retry later": {
			f:    func(context.Context, string) (any, error) { return nil, activity.RetryAfter(broke, time.Minute) },
			want: protocol.ApplicationFailure{Type: "errorString", NextRetryDelay: protocol.Duration(time.Minute)}, says: "no money",
		},
		"an error of a chosen type": {
			f:    func(context.Context, string) (any, error) { return nil, activity.NewError("NoMoney", "broke", nil) },
			want: protocol.ApplicationFailure{Type: "NoMoney"}, says: "broke",
		},
		"a panic": {
			f:    func(context.Context, string) (any, error) { panic("a vase") },
			want: protocol.ApplicationFailure{Type: "PanicError"}, says: "panic: a vase",
		},
		"an end of the goroutine": {
			f:    func(context.Context, string) (any, error) { runtime.Goexit(); return nil, nil },
			want: protocol.ApplicationFailure{Type: "errorString"}, says: "runtime.Goexit",
		},
		"a result that is no JSON": {
			f:    func(context.Context, string) (any, error) { return func() {}, nil },
			want: protocol.ApplicationFailure{Type: "bad_payload", NonRetryable: true}, says: "cannot be encoded",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := work(t, act(tt.f))
				r := s.run(attempt(t, "in"))
				if r.Failure == nil || r.Failure.Application == nil {
					t.Fatalf("got %+v, want an application's failure", r)
				}
				if *r.Failure.Application != tt.want || !strings.Contains(r.Failure.Error(), tt.says) {
					t.Errorf("got %q, %+v\nwant %q, %+v", r.Failure.Error(), *r.Failure.Application, tt.says, tt.want)
				}
			})
		})
	}
}

func TestWorkerSurvivesAPanicAndShowsItsStack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(_ context.Context, what string) (string, error) {
			if what == "vase" {
				panic(what)
			}
			return what, nil
		}))
		if f := s.run(attempt(t, "vase")).Failure; f == nil || !strings.Contains(f.Stack, "activity_task_test.go") {
			t.Errorf("the failure does not show where the panic began: %+v", f)
		}
		if r := s.run(attempt(t, "cup")); r.Failure != nil || decode[string](t, r.Result) != "cup" {
			t.Errorf("the next attempt on the same worker: %+v", r)
		}
	})
}

func TestInputThatDoesNotFitIsNotTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(context.Context, order) (string, error) {
			t.Error("the activity was called")
			return "", nil
		}))
		f := s.run(attempt(t, "not an order")).Failure
		if f == nil || f.Application == nil || f.Application.Type != string(protocol.CodeBadPayload) || !f.Application.NonRetryable {
			t.Errorf("got %+v", f)
		}
	})
}

// Another worker of the queue may know the activity, so the failure is one to try again; it says what this one knows.
func TestUnknownActivityIsRefusedWithWhatIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(_ context.Context, s string) (string, error) { return s, nil }))
		f := s.run(attempt(t, "in", func(task *protocol.ActivityTask) { task.Type = "shop.Charge" })).Failure
		if f == nil || f.Application == nil || f.Application.Type != string(protocol.CodeUnknownType) || f.Application.NonRetryable {
			t.Fatalf("got %+v", f)
		}
		for _, part := range []string{`"shop.Charge"`, "worker-1", `"q"`, "knows " + testActivity} {
			if !strings.Contains(f.Message, part) {
				t.Errorf("the message does not say %s: %s", part, f.Message)
			}
		}
	})
}

func TestActivityIsToldWhatItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var got activity.Details
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			got = activity.Info(ctx)
			return "", nil
		}))
		task := attempt(t, "in", func(task *protocol.ActivityTask) {
			task.Attempt, task.LastFailure = 2, &protocol.Failure{Message: "before"}
			task.StartToClose, task.Heartbeat = protocol.Duration(time.Minute), protocol.Duration(time.Second)
			task.Headers = map[string]string{"trace": "7"}
		})
		s.run(task)
		if got.String() != "act r/1 attempt 2" || got.Workflow != "w" || got.WorkflowType != "shop.Order" || got.Queue != testQueue {
			t.Errorf("got %+v", got)
		}
		if !got.Deadline.Equal(got.Started.Add(time.Minute)) || got.HeartbeatTimeout != time.Second || !got.Scheduled.Equal(task.ScheduledTime) {
			t.Errorf("its times are %+v", got)
		}
		if got.LastFailure == nil || got.LastFailure.Message != "before" || got.Headers["trace"] != "7" {
			t.Errorf("it was handed %+v", got)
		}
	})
}
