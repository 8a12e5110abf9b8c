package worker

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// firstStep is the task with the first step of a run that was started with a value.
func firstStep(t *testing.T, in any) *protocol.WorkflowTask {
	t.Helper()
	return &protocol.WorkflowTask{
		Workflow: replaytest.Workflow, Run: replaytest.RunID, Type: replaytest.Type, Queue: testQueue, Attempt: 1, Nonce: "n",
		Timeout: protocol.Duration(10 * time.Second), Events: []protocol.Event{
			{ID: 1, Attributes: protocol.WorkflowExecutionStarted{
				WorkflowID: replaytest.Workflow, WorkflowType: replaytest.Type, Queue: testQueue, RunID: replaytest.RunID, Input: encode(t, in),
			}},
			{ID: 2, Attributes: protocol.WorkflowTaskScheduled{Queue: testQueue}},
			{ID: 3, Attributes: protocol.WorkflowTaskStarted{ScheduledID: 2}},
		},
	}
}

// locally takes a step with a workflow that does one local activity, and returns what that came to, and how long the step took.
func locally(
	t *testing.T, f func(context.Context, string) (string, error), opts ...workflow.ActivityOption,
) (marker protocol.RecordMarker, took time.Duration) {
	t.Helper()
	s := work(t, act(f), flow(func(ctx workflow.Context, in string) (string, error) {
		return local.DoLocal(ctx, in, opts...)
	}))
	began := time.Now()
	answer, _ := s.ask(firstStep(t, "in"))
	took = time.Since(began)
	if answer.Failure != nil || len(answer.Commands) != 2 {
		t.Fatalf("the step was answered with %+v", answer)
	}
	marker, ok := answer.Commands[0].Attributes.(protocol.RecordMarker)
	if !ok || marker.Name != protocol.MarkerLocalActivity {
		t.Fatalf("the first command is %+v", answer.Commands[0])
	}
	return marker, took
}

func TestLocalActivityIsRecordedWithTheStep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, took := locally(t, func(ctx context.Context, in string) (string, error) {
			d := activity.Info(ctx)
			if d.Workflow != replaytest.Workflow || d.Attempt != 1 || d.ID != m1 || d.Deadline.IsZero() {
				t.Errorf("it is told %+v", d)
			}
			return in + " done", nil
		})
		if got := m.Value.String(); got != `"in done"` || took != 0 || m.ID != m1 {
			t.Errorf("got %s of %s after %s", got, m.ID, took)
		}
	})
}

// local is the tests' activity.
var local = workflow.NewActivity[string, string](testActivity)

// m1 is the ID of a run's first local activity.
const m1 = "local-1"

// What fails is tried again within the step, as the policy says.
func TestLocalActivityIsTriedAgain(t *testing.T) {
	refused := errors.New("refused")
	tests := map[string]struct {
		f      func(attempt int) error
		policy workflow.RetryPolicy
		tries  int
		took   time.Duration
		fails  func(*protocol.Failure) bool
	}{
		"until it works": {func(n int) error {
			if n < 3 {
				return refused
			}
			return nil
		}, workflow.RetryPolicy{}, 3, 3 * time.Second, nil},
		"to the last attempt": {
			func(int) error { return refused },
			workflow.RetryPolicy{MaximumAttempts: 2},
			2, time.Second,
			func(f *protocol.Failure) bool { return f.Message == "refused" },
		},
		"not, if that is terminal": {
			func(int) error { return activity.Terminal(refused) },
			workflow.RetryPolicy{},
			1, 0,
			func(f *protocol.Failure) bool { return f.Application.NonRetryable },
		},
		"as long as a wait fits into the step": {
			func(int) error { return refused },
			workflow.RetryPolicy{},
			4, 7 * time.Second,
			func(f *protocol.Failure) bool { return f.Message == "refused" },
		},
		"after a panic": {func(n int) error {
			if n == 1 {
				panic("a vase")
			}
			return nil
		}, workflow.RetryPolicy{}, 2, time.Second, nil},
		"not, if somebody else is to complete it": {
			func(int) error { return activity.ErrResultPending },
			workflow.RetryPolicy{},
			1, 0,
			func(f *protocol.Failure) bool { return strings.Contains(f.Message, "somebody else") },
		},
		"after the end of its goroutine": {func(n int) error {
			if n == 1 {
				runtime.Goexit()
			}
			return nil
		}, workflow.RetryPolicy{}, 2, time.Second, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tries := 0
				m, took := locally(t, func(ctx context.Context, _ string) (string, error) {
					if tries++; activity.Info(ctx).Attempt != tries {
						t.Errorf("attempt %d is told that it is %d", tries, activity.Info(ctx).Attempt)
					}
					return "done", tt.f(tries)
				}, workflow.Retry(tt.policy))
				if tries != tt.tries || took != tt.took {
					t.Errorf("%d attempts in %s, want %d in %s", tries, took, tt.tries, tt.took)
				}
				if failed := m.Failure != nil; failed != (tt.fails != nil) || failed && !tt.fails(m.Failure) {
					t.Errorf("it ended with %+v", m.Failure)
				}
			})
		})
	}
}

// A panic carries its stack.
func TestPanicOfALocalActivity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, _ := locally(t, func(context.Context, string) (string, error) { panic("a vase") }, workflow.Attempts(1))
		if m.Failure == nil || !strings.Contains(m.Failure.Message, "a vase") || !strings.Contains(m.Failure.Stack, "local_test.go") {
			t.Errorf("got %+v", m.Failure)
		}
	})
}

// The step must be answered in time, whether the code listens or not.
func TestLocalActivityEndsInTime(t *testing.T) {
	listens := func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	tests := map[string]struct {
		deaf bool
		opts []workflow.ActivityOption
		took time.Duration
		typ  protocol.TimeoutType
	}{
		"of the step":                      {false, nil, 8 * time.Second, protocol.TimeoutScheduleToClose},
		"of the step, and does not listen": {true, nil, 8 * time.Second, protocol.TimeoutScheduleToClose},
		"of its own":                       {false, []workflow.ActivityOption{workflow.ScheduleToClose(time.Second)}, time.Second, protocol.TimeoutStartToClose},
		"of its own, and does not listen":  {true, []workflow.ActivityOption{workflow.ScheduleToClose(time.Second)}, time.Second, protocol.TimeoutStartToClose},
		"of its one attempt": {
			true,
			[]workflow.ActivityOption{workflow.StartToClose(time.Second), workflow.Attempts(1)},
			time.Second,
			protocol.TimeoutStartToClose,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				deaf := make(chan struct{})
				defer close(deaf)
				f := listens
				if tt.deaf {
					f = func(context.Context, string) (string, error) {
						<-deaf
						return "", nil
					}
				}
				m, took := locally(t, f, tt.opts...)
				if m.Failure == nil || m.Failure.Timeout == nil || m.Failure.Timeout.Type != tt.typ || took != tt.took {
					t.Errorf("after %s: %+v", took, m.Failure)
				}
			})
		})
	}
}

// Several run side by side; their results are recorded in the order in which they ended, and that is the order in which the code sees them
// when it is replayed.
func TestLocalActivitiesSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var runs atomic.Int32
		sleep := func(_ context.Context, s string) (string, error) {
			runs.Add(1)
			d, err := time.ParseDuration(s)
			<-time.After(d)
			return s, err
		}
		inOrder := func(ctx workflow.Context, all []string) (string, error) {
			done := workflow.NewChannel[string](ctx, len(all))
			for _, s := range all {
				f := local.StartLocal(ctx, s)
				workflow.Go(ctx, func(ctx workflow.Context) {
					v, err := f.Get(ctx)
					if err != nil {
						v = err.Error()
					}
					if err := done.Send(ctx, v); err != nil {
						t.Error(err)
					}
				})
			}
			var order []string
			for range all {
				v, err := done.Receive(ctx)
				if err != nil {
					return "", err
				}
				order = append(order, v)
			}
			return strings.Join(order, " "), nil
		}
		s := work(t, act(sleep), flow(inOrder))
		task := firstStep(t, []string{"3s", "1s", "2s"})
		began := time.Now()
		answer, progress := s.ask(task)
		if took := time.Since(began); took != 3*time.Second || len(progress) == 0 {
			t.Errorf("the step took %s, with %d signs of life", took, len(progress))
		}
		var order []string
		for _, c := range answer.Commands[:3] {
			order = append(order, c.Attributes.(protocol.RecordMarker).ID)
		}
		if want := []string{"local-2", "local-3", "local-1"}; !slices.Equal(order, want) {
			t.Errorf("recorded %s, want %s", order, want)
		}
		end := answer.Commands[3].Attributes.(protocol.CompleteWorkflowExecution)
		if got := end.Result.String(); got != `"1s 2s 3s"` {
			t.Errorf("the workflow saw %s", got)
		}
		events := append(task.Events, protocol.Event{ID: 4, Attributes: protocol.WorkflowTaskCompleted{ScheduledID: 2, StartedID: 3}})
		for _, c := range answer.Commands[:3] {
			m := c.Attributes.(protocol.RecordMarker)
			events = append(events, protocol.Event{ID: int64(len(events) + 1), Attributes: protocol.MarkerRecorded{
				Name: m.Name, ID: m.ID, Value: m.Value, TaskCompletedID: 4,
			}})
		}
		events = append(events, protocol.Event{ID: 8, Attributes: protocol.WorkflowExecutionCompleted{Result: end.Result, TaskCompletedID: 4}})
		h := protocol.History{Workflow: task.Workflow, Run: task.Run, Type: task.Type, Queue: testQueue, Events: events}
		if err := CheckHistory(h, act(sleep), flow(inOrder)); err != nil || runs.Load() != 3 {
			t.Errorf("replayed: %v, and %d activities ran", err, runs.Load())
		}
	})
}

// One that the code gives up is told to stop, and leaves nothing.
func TestLocalActivityThatIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		told := make(chan struct{})
		f := func(ctx context.Context, s string) (string, error) {
			if s == "quick" {
				return s, nil
			}
			<-ctx.Done()
			close(told)
			return "", ctx.Err()
		}
		s := work(t, act(f), flow(func(ctx workflow.Context, _ string) (string, error) {
			child, cancel := workflow.WithCancel(ctx)
			slow := local.StartLocal(child, "slow")
			first, err := local.DoLocal(ctx, "quick")
			cancel()
			if _, err := slow.Get(ctx); !errors.Is(err, workflow.ErrCanceled) {
				t.Errorf("the slow one ended with %v", err)
			}
			if err == nil {
				_, err = local.DoLocal(ctx, "quick")
			}
			return first, err
		}))
		answer, _ := s.ask(firstStep(t, "in"))
		receive(t, told, "the slow one to hear of it")
		if len(answer.Commands) != 3 {
			t.Errorf("commands %+v", answer.Commands)
		}
	})
}

// An activity that the worker does not know fails at once, and says what it knows.
func TestUnknownLocalActivity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(context.Context, string) (string, error) { return "", nil }), flow(
			func(ctx workflow.Context, in string) (string, error) {
				return workflow.NewActivity[string, string]("elsewhere").DoLocal(ctx, in)
			}))
		answer, _ := s.ask(firstStep(t, "in"))
		m, ok := answer.Commands[0].Attributes.(protocol.RecordMarker)
		if !ok || m.Failure == nil || !strings.Contains(m.Failure.Message, `"elsewhere"`) || !strings.Contains(m.Failure.Message, testActivity) {
			t.Errorf("got %+v", answer.Commands)
		}
	})
}
