package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Names of the tests' activity.
const (
	testQueue    = "q"
	testRun      = "r"
	testActivity = "act"
)

// patience is how long a test waits for anything, in virtual time: a worker with a task in hand has timers, so it would
// wait for ever and not deadlock.
const patience = 24 * time.Hour

// site is a worker at work on a fake outside.
type site struct {
	*fake

	t     *testing.T
	w     *Worker
	stop  context.CancelFunc
	ended chan error
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// at starts a worker on an outside and returns once it takes tasks. It stops with the test.
func at(t *testing.T, f *fake, opts ...Option) *site {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &site{fake: f, t: t, stop: cancel, ended: make(chan error, 1)}
	ready := make(chan struct{})
	s.w = newWorker(testQueue, append([]Option{
		Identity("worker-1"), Logger(logger(t)), OnReady(func() { close(ready) }),
	}, opts...), func(context.Context, protocol.Namespace) (Store, error) { return f, nil })
	go func() {
		s.ended <- s.w.Run(ctx)
		close(s.ended)
	}()
	t.Cleanup(func() {
		cancel()
		if err, ran := <-s.ended; ran && err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	})
	receive(t, ready, "the worker to be ready")
	return s
}

func logger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// work starts a worker on an outside of its own.
func work(t *testing.T, opts ...Option) *site {
	t.Helper()
	return at(t, newFake(), opts...)
}

// receive waits for something that must come.
func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// act registers the tests' activity.
func act[I, O any](f func(context.Context, I) (O, error)) Option {
	return Activity(f, Named(testActivity))
}

// attempt is a task for the tests' activity; change changes it.
func attempt(t *testing.T, in any, change ...func(*protocol.ActivityTask)) protocol.ActivityTask {
	t.Helper()
	task := protocol.ActivityTask{
		Workflow: "w", Run: testRun, WorkflowType: "shop.Order", ScheduledID: 5, ActivityID: "1", Type: testActivity,
		Queue: testQueue, Input: encode(t, in), Attempt: 1, ScheduledTime: time.Now().UTC(),
	}
	for _, f := range change {
		f(&task)
	}
	return task
}

// start hands an attempt to the worker that the broker delivers for the given time.
func (s *site) start(task protocol.ActivityTask, delivered int) *fakeTask {
	s.t.Helper()
	body, err := protocol.Marshal(task)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.give(protocol.TaskActivity, body, delivered)
}

// end waits for a task's end and returns the one result that was stored since the last call.
func (s *site) end(task *fakeTask) protocol.ActivityResult {
	s.t.Helper()
	if how := receive(s.t, task.ended, "the task's end"); how != "ack" {
		s.t.Fatalf("the task ended with %s, want ack", how)
	}
	synctest.Wait() // what follows the acknowledgement
	s.mu.Lock()
	defer s.mu.Unlock()
	results := s.results
	s.results = nil
	if len(results) != 1 {
		s.t.Fatalf("%d results are stored, want 1: %+v", len(results), results)
	}
	return results[0]
}

// run runs one attempt from its delivery to its result.
func (s *site) run(task protocol.ActivityTask) protocol.ActivityResult {
	s.t.Helper()
	return s.end(s.start(task, 1))
}

func encode(t *testing.T, v any) protocol.Payload {
	t.Helper()
	p, err := protocol.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func decode[T any](t *testing.T, p protocol.Payload) (v T) {
	t.Helper()
	if err := p.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
