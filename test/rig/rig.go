// Package rig builds what most tests of the whole engine need: a NATS and a node in a directory of the test, workers that end
// with the test, and ways to look at a run.
package rig

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/leaks"
	"github.com/millrace-dev/millrace/worker"
)

const (
	// Queue is the task queue of the tests.
	Queue = "test"
	// noSync keeps the tests off the disk's flushes: what they kill is a process at most, never the power.
	noSync = "10000h"
	// look is how often a test looks at something that nobody announces.
	look = 5 * time.Millisecond
)

// Main runs a package's tests and fails if a goroutine is left over.
func Main(m *testing.M) {
	embedded.Prepare()
	goleak.VerifyTestMain(m, leaks.Known()...)
}

// Engine is a NATS with a node.
type Engine struct {
	*orchestrator.Server

	// Dir is where it keeps its data.
	Dir string
}

// Start runs an engine until the test ends. Change changes its options.
func Start(t *testing.T, change ...func(*orchestrator.Options)) *Engine {
	t.Helper()
	e, err := Try(t, change...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Try is Start for an engine that may not come up.
func Try(t *testing.T, change ...func(*orchestrator.Options)) (*Engine, error) {
	t.Helper()
	o := orchestrator.Options{Dir: t.TempDir(), Sync: noSync, Shards: 1, Logger: Logger(t)}
	for _, f := range change {
		f(&o)
	}
	srv, err := orchestrator.Start(t.Context(), o)
	if err != nil {
		return nil, err
	}
	e := &Engine{Server: srv, Dir: o.Dir}
	t.Cleanup(func() { e.Halt(t) })
	return e, nil
}

// In starts the engine on a directory.
func In(dir string) func(*orchestrator.Options) { return func(o *orchestrator.Options) { o.Dir = dir } }

// Halt stops the engine in good order. It may be called more than once.
func (e *Engine) Halt(t *testing.T) {
	t.Helper()
	if err := e.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// Work runs a worker of the tests' queue until the test ends or stop is called, and returns once it takes tasks.
func (e *Engine) Work(t *testing.T, opts ...worker.Option) (stop func()) {
	t.Helper()
	return e.WorkOn(t, Queue, opts...)
}

// WorkOn is Work on another queue.
func (e *Engine) WorkOn(t *testing.T, queue string, opts ...worker.Option) (stop func()) {
	t.Helper()
	return WorkOver(t, e.Conn(), queue, opts...)
}

// WorkOver is WorkOn over a connection of the worker's own.
func WorkOver(t *testing.T, nc *nats.Conn, queue string, opts ...worker.Option) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, queue, append([]worker.Option{
		worker.Logger(Logger(t)), worker.Grace(time.Second), worker.OnReady(func() { close(ready) }),
	}, opts...)...)
	go func() { ended <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
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

// Run starts a workflow on the tests' queue.
func Run[C, I, O any](t *testing.T, e *Engine, wf func(C, I) (O, error), in I, opts ...client.StartOption) *client.Run[O] {
	t.Helper()
	run, err := client.Start(t.Context(), e.Client(), wf, in, append([]client.StartOption{client.Queue(Queue)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// Result waits for a run's result.
func Result[O any](t *testing.T, run *client.Run[O]) O {
	t.Helper()
	out, err := run.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// jetStream is a plain client, to look behind the engine with.
func (e *Engine) jetStream(t *testing.T) natsjs.JetStream {
	t.Helper()
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// Tasks counts the messages of the task stream; one of them is always there.
func (e *Engine) Tasks(t *testing.T) uint64 {
	t.Helper()
	s, err := e.jetStream(t).Stream(t.Context(), protocol.DefaultNamespace.TasksStream())
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// Consumer is what NATS says of a queue's consumer.
func (e *Engine) Consumer(t *testing.T, kind protocol.TaskKind, queue string) *natsjs.ConsumerInfo {
	t.Helper()
	ns := protocol.DefaultNamespace
	c, err := e.jetStream(t).Consumer(t.Context(), ns.TasksStream(), ns.TaskConsumer(kind, queue))
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// History reads the events of a workflow's latest run and checks that they are numbered as they must be.
func (e *Engine) History(t *testing.T, id string) []protocol.Event {
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

// Types are the types of the events.
func Types(events []protocol.Event) []protocol.EventType {
	types := make([]protocol.EventType, len(events))
	for i, e := range events {
		types[i] = e.Type()
	}
	return types
}

// Find returns the attributes of the events of a type, in order.
func Find[A protocol.EventAttributes](events []protocol.Event) []A {
	var found []A
	for _, e := range events {
		if a, ok := e.Attributes.(A); ok {
			found = append(found, a)
		}
	}
	return found
}

// Await waits until a run's history has an event of a type.
func (e *Engine) Await(t *testing.T, id string, typ protocol.EventType) {
	t.Helper()
	Until(t, "a "+string(typ)+" in the history of "+id, func() bool {
		for ev, err := range e.Client().History(t.Context(), id) {
			if err == nil && ev.Type() == typ {
				return true
			}
		}
		return false
	})
}

// Until waits for something that nobody announces: it looks again and again, until the test's deadline.
func Until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Logger logs to the test.
func Logger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
