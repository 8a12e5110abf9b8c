package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// eager gives tasks to a worker while it still starts, as a queue with a backlog does.
type eager struct {
	*fake

	backlog func() error
}

func (e eager) KeepWorker(ctx context.Context, w protocol.Worker) (func(context.Context) error, error) {
	if err := e.backlog(); err != nil {
		return nil, err
	}
	return e.fake.KeepWorker(ctx, w)
}

// begin runs a worker whose tasks come before it is ready.
func begin(ctx context.Context, t *testing.T, f *fake, backlog func(*site) error, opts ...Option) (s *site, err error) {
	t.Helper()
	s = &site{fake: f, t: t}
	opts = append([]Option{Identity("worker-1"), Logger(logger(t))}, opts...)
	s.w = newWorker(testQueue, opts, func(context.Context, protocol.Namespace) (Store, error) {
		return eager{f, func() error { return backlog(s) }}, nil
	})
	return s, s.w.Run(ctx)
}

func TestWorkerStoppedWhileItStartsDrainsWhatItTook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var task *fakeTask
		began := time.Now()
		s, err := begin(ctx, t, newFake(), func(s *site) error {
			task = s.start(attempt(t, 5*time.Second), 1)
			cancel()
			return nil
		}, act(asleep))
		if err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("Run returned %v after %s", err, time.Since(began))
		}
		if r := s.end(task); r.Failure != nil || decode[string](t, r.Result) != "rested" {
			t.Errorf("the activity's result is %+v", r)
		}
	})
}

func TestWorkerThatCannotStartDrainsWhatItTook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		st := play(t, echo, 1).next()
		var task *fakeTask
		s, err := begin(t.Context(), t, newFake(), func(s *site) error {
			s.takes(st, st.task)
			task = s.start(attempt(t, 5*time.Second), 1)
			return protocol.ErrUnavailable
		}, act(asleep), flow(code.echo))
		if !errors.Is(err, protocol.ErrUnavailable) || len(s.serving()) > 0 {
			t.Errorf("Run returned %v and serves %q", err, s.serving())
		}
		if r := s.end(task); r.Failure != nil {
			t.Errorf("the activity ended with %v", r.Failure)
		}
		if code.begun.Load() != 1 || code.ended.Load() != 1 {
			t.Errorf("%d runs began and %d were unwound", code.begun.Load(), code.ended.Load())
		}
	})
}
