package engine

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

func TestMain(m *testing.M) {
	embedded.Prepare()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

const queue = "test"

// quickSync keeps the tests off the disk's flushes: what they kill is a process at most, never the power.
const quickSync = "1m"

// engine is what most tests need.
type engine struct {
	*orchestrator.Server
	dir string
}

// start runs NATS and a node in a directory of the test.
func start(t *testing.T) *engine {
	t.Helper()
	return startIn(t, t.TempDir())
}

func startIn(t *testing.T, dir string) *engine {
	t.Helper()
	srv, err := orchestrator.Start(t.Context(), orchestrator.Options{
		Dir: dir, Sync: quickSync, Logger: logger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &engine{Server: srv, dir: dir}
}

// work runs a worker until the test ends, or stop is called, and returns once it takes tasks.
func (e *engine) work(t *testing.T, opts ...worker.Option) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	opts = append(opts, worker.Logger(logger(t)), worker.OnReady(func() { close(ready) }), worker.Grace(time.Second))
	w := worker.New(e.Conn(), queue, opts...)
	go func() { ended <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		stopped = true
		t.Fatal(err)
	}
	return stop
}

// history reads a run's events and checks that they are numbered as they must be.
func (e *engine) history(t *testing.T, id string) []protocol.Event {
	t.Helper()
	var events []protocol.Event
	for ev, err := range e.Client().History(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.ID != int64(len(events)+1) {
			t.Fatalf("event %d comes after %d others", ev.ID, len(events))
		}
		events = append(events, ev)
	}
	return events
}

func logger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func startRun[C, I, O any](t *testing.T, e *engine, wf func(C, I) (O, error), in I, opts ...client.StartOption) *client.Run[O] {
	t.Helper()
	run, err := client.Start(t.Context(), e.Client(), wf, in, append([]client.StartOption{client.Queue(queue)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}
