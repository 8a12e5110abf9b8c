package worker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

const beatTimeout = 10 * time.Second

// beating asks for heartbeats.
func beating(a *protocol.ActivityTask) { a.Heartbeat = protocol.Duration(beatTimeout) }

func TestNextAttemptFindsWhatTheLastOneReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		copied := func(ctx context.Context, until int) (int, error) {
			from, ok, err := activity.HeartbeatDetails[int](ctx)
			if err != nil || ok != (activity.Info(ctx).Attempt > 1) {
				t.Errorf("attempt %d found %d, %t, %v", activity.Info(ctx).Attempt, from, ok, err)
			}
			if ok {
				return from, nil
			}
			return 0, errors.Join(activity.Heartbeat(ctx, 40), errors.New("the cable came loose"))
		}
		f := newFake()
		first := at(t, f, act(copied))
		if r := first.run(attempt(t, 99, beating)); r.Failure == nil {
			t.Fatalf("the first attempt ended with %s", r.Result)
		}
		second := at(t, f, act(copied), Identity("worker-2"))
		r := second.run(attempt(t, 99, beating, func(a *protocol.ActivityTask) { a.Attempt = 2 }))
		if r.Failure != nil || decode[int](t, r.Result) != 40 || r.Worker != "worker-2" {
			t.Errorf("the second attempt: %+v", r)
		}
		if len(f.beats) > 0 {
			t.Errorf("what was reported is still kept after the activity's end: %+v", f.beats)
		}
	})
}

// An attempt after a reset that dropped heartbeats finds what attempts after that reset reported, and nothing else.
func TestAttemptAfterAReset(t *testing.T) {
	bubble(t, func(t *testing.T) {
		find := func(ctx context.Context, n int) (int, error) {
			found, _, err := activity.HeartbeatDetails[int](ctx)
			return found, errors.Join(err, activity.Heartbeat(ctx, n))
		}
		s := work(t, act(find))
		for n, tt := range []struct{ reset, dropped, want int64 }{
			{0, 0, 0}, {5, 0, 1}, {5, 5, 2}, {7, 7, 0}, {9, 7, 4},
		} {
			r := s.run(attempt(t, n+1, func(a *protocol.ActivityTask) { a.Reset, a.Dropped = tt.reset, tt.dropped }))
			if r.Failure != nil || decode[int64](t, r.Result) != tt.want {
				t.Errorf("attempt %d, after reset %d, found %s, want %d", n+1, tt.reset, r.Result, tt.want)
			}
		}
	})
}

// However often the code reports, the store is asked rarely: the last report is never older than 80% of the timeout.
func TestHeartbeatsAreStoredNowAndThen(t *testing.T) {
	tests := map[string]struct {
		timeout time.Duration
		want    []time.Duration
	}{
		"with a timeout": {beatTimeout, []time.Duration{0, 8 * time.Second, 16 * time.Second, 24 * time.Second}},
		"without":        {0, []time.Duration{0, 30 * time.Second}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := work(t, act(func(ctx context.Context, beats int) (string, error) {
					for range beats {
						if err := activity.Heartbeat(ctx, "here"); err != nil {
							return "", err
						}
						<-time.After(500 * time.Millisecond)
					}
					return "", nil
				}))
				task := attempt(t, 62, func(a *protocol.ActivityTask) { a.Heartbeat = protocol.Duration(tt.timeout) })
				r := s.run(task)
				var got []time.Duration
				for _, at := range s.beaten {
					got = append(got, at.Sub(r.Started))
				}
				if r.Failure != nil || !slices.Equal(got, tt.want) {
					t.Errorf("%v; stored after %s, want %s", r.Failure, got, tt.want)
				}
			})
		})
	}
}

// The workflow learns how far a silent attempt had come, even if the store does not know.
func TestHeartbeatTimeoutTellsTheLastReport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			for n := range 3 {
				if err := activity.Heartbeat(ctx, n); err != nil {
					t.Error(err)
				}
				<-time.After(beatTimeout - time.Second)
			}
			return untilTold(ctx, "")
		}))
		s.fail("PutHeartbeat", func() error { return errors.New("the store is away") })
		r := s.run(attempt(t, "in", beating))
		if r.Failure == nil || r.Failure.Timeout == nil || r.Failure.Timeout.Type != protocol.TimeoutHeartbeat {
			t.Fatalf("got %+v", r.Failure)
		}
		if last := r.Failure.Timeout.LastHeartbeat; last == nil || decode[int](t, *last) != 2 {
			t.Errorf("the last report is %v, want 2", last)
		}
		if after, want := time.Since(r.Started), 2*(beatTimeout-time.Second)+beatTimeout; after != want {
			t.Errorf("given up after %s, want %s: each heartbeat puts the deadline off", after, want)
		}
	})
}

func TestUnreadableHeartbeatIsAnErrorOfTheCode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			_, _, err := activity.HeartbeatDetails[int](ctx)
			return "", err
		}))
		s.fail("Heartbeat", func() error { return protocol.ErrUnavailable })
		if f := s.run(attempt(t, "in", beating)).Failure; f == nil || f.Message != protocol.ErrUnavailable.Message {
			t.Errorf("got %+v", f)
		}
	})
}

// The result starts the next attempt, so what this one reported must lie in the store by then; and once the activity has ended
// nothing may be left there.
func TestResultIsToldAfterTheLastHeartbeatIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(ctx context.Context, well bool) (string, error) {
			if err := activity.Heartbeat(ctx, "half"); err != nil || well {
				return "", err
			}
			return "", errors.New("a flat tire")
		}))
		s.delays["PutHeartbeat"] = time.Second
		if r := s.run(attempt(t, false, beating)); r.Failure == nil || len(s.beats) != 1 {
			t.Errorf("when the failure %v is told, stored are %+v", r.Failure, s.beats)
		}
		if r := s.run(attempt(t, true, beating)); r.Failure != nil {
			t.Error(r.Failure)
		}
		<-time.After(time.Minute)
		if len(s.beats) > 0 {
			t.Errorf("after the activity's end there is still %+v", s.beats)
		}
	})
}

// User code may leave a goroutine behind that goes on reporting.
func TestHeartbeatAfterTheActivitysEndIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		left := make(chan context.Context, 1)
		s := work(t, act(func(ctx context.Context, _ string) (string, error) {
			left <- ctx
			return "", nil
		}))
		s.run(attempt(t, "in", beating))
		if err := activity.Heartbeat(context.WithoutCancel(<-left), "still here"); !errors.Is(err, context.Canceled) || len(s.beaten) > 0 {
			t.Errorf("the heartbeat is answered %v, stored are %v", err, s.beaten)
		}
	})
}
