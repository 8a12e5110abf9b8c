package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// bench is a place to work at. Every worker has its own.
type bench struct {
	name string
	gate chan struct{} // Saw waits here, if there is a gate
	busy chan string   // and says here that it does
}

func (b *bench) Saw(ctx context.Context, _ string) (string, error) {
	if b.gate != nil {
		b.busy <- b.name
		select {
		case <-b.gate:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	return b.name, nil
}

func (b *bench) Clean(context.Context, string) (string, error) { return "cleaned " + b.name, nil }

// anyBench is the one that workflows name: which it is, the worker knows.
var anyBench *bench

// staff starts a worker with a bench for each name, and returns how to stop it.
func staff(t *testing.T, e *rig.Engine, sessions int, names ...string) (benches []*bench, stops []func()) {
	t.Helper()
	for _, name := range names {
		b := &bench{name: name}
		benches = append(benches, b)
		stops = append(stops, e.Work(t, worker.Activity(b.Saw), worker.Activity(b.Clean), worker.Sessions(sessions), worker.Identity(name)))
	}
	return benches, stops
}

// Table has five things sawn at one bench, and says where.
func Table(ctx workflow.Context, _ string) (string, error) {
	s, err := workflow.CreateSession(ctx)
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(s)
	at := map[string]int{}
	for range 5 {
		name, err := workflow.Do(s, anyBench.Saw, "wood")
		if err != nil {
			return "", err
		}
		at[name]++
	}
	d, ok := workflow.SessionInfo(s)
	if len(at) != 1 || at[d.Worker] != 5 || !ok {
		return "", fmt.Errorf("sawn at %v, and the session is %+v, %t", at, d, ok)
	}
	return d.Worker, nil
}

// The activities of a session run on one worker, those of several sessions on several, and a session that is over leaves room for the next.
func TestSessions(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	staff(t, e, 1, "ada", "bob")
	e.Work(t, worker.Workflow(Table), worker.CacheSize(1)) // and most steps are replays
	at := map[string]int{}
	for range 3 {
		var runs []interface {
			Wait(context.Context) (string, error)
		}
		for range 4 {
			runs = append(runs, rig.Run(t, e, Table, "table"))
		}
		for _, run := range runs {
			name, err := run.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at[name]++
		}
	}
	if len(at) != 2 {
		t.Errorf("all sessions were held by %v", at)
	}
}

// Chair is sawn at one bench, and at another if the first is no more.
func Chair(ctx workflow.Context, _ string) (string, error) {
	var gone []string
	for {
		s, err := workflow.CreateSession(ctx)
		if err != nil {
			return "", err
		}
		name, err := workflow.Do(s, anyBench.Saw, "wood")
		workflow.CompleteSession(s)
		if !errors.Is(err, workflow.ErrSessionFailed) {
			return strings.Join(append(gone, name), ", "), err
		}
		if _, err := workflow.Do(s, anyBench.Clean, ""); !errors.Is(err, workflow.ErrSessionFailed) {
			return "", fmt.Errorf("after the session had failed: %w", err)
		}
		gone = append(gone, "failed")
	}
}

// A worker that stops fails its sessions. Activities that wait for it end, and the workflow can go on elsewhere.
func TestSessionOfAWorkerThatStops(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Chair))
	busy := make(chan string, 2)
	stops := map[string]func(){}
	gates := map[string]chan struct{}{}
	for _, name := range []string{"ada", "bob"} {
		b := &bench{name: name, gate: make(chan struct{}), busy: busy}
		gates[name] = b.gate
		stops[name] = e.Work(t, worker.Activity(b.Saw), worker.Activity(b.Clean), worker.Sessions(1), worker.Identity(name))
	}
	run := rig.Run(t, e, Chair, "chair")
	first := <-busy
	stops[first]()
	second := <-busy
	close(gates[second])
	if got := rig.Result(t, run); got != "failed, "+second {
		t.Errorf("got %q", got)
	}
}

// A worker that dies fails its sessions as well: the broker misses it, and another worker that takes sessions finds the task.
func TestSessionOfAWorkerThatDies(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	e.Work(t, worker.Workflow(Chair))
	nc, err := nats.Connect(e.URL())
	check(t, err)
	busy := make(chan string, 1)
	doomed := &bench{name: "ada", gate: make(chan struct{}), busy: busy}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, rig.Queue, worker.Activity(doomed.Saw), worker.Activity(doomed.Clean), worker.Sessions(1),
		worker.Identity("ada"), worker.Logger(rig.Logger(t)), worker.Grace(time.Millisecond), worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	<-ready // a worker that dies before could not start, which is an error
	run := rig.Run(t, e, Chair, "chair")
	<-busy
	nc.Close() // and says nothing
	staff(t, e, 1, "bob")
	if got := rig.Result(t, run); got != "failed, bob" {
		t.Errorf("got %q", got)
	}
	cancel()
	check(t, <-ended)
}

// What lies on a worker is cleaned up there, also after a cancellation.
func Shelf(ctx workflow.Context, _ string) (string, error) {
	s, err := workflow.CreateSession(ctx)
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(s)
	_, canceled := workflow.Do(s, anyBench.Saw, "wood")
	cleaned, err := workflow.Do(workflow.Disconnected(s), anyBench.Clean, "")
	if err != nil {
		return "", err
	}
	return cleaned, workflow.NewError("Cleaned", cleaned+", "+strconv.FormatBool(errors.Is(canceled, workflow.ErrCanceled)))
}

func TestSessionIsLeftCleanly(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Shelf))
	b := &bench{name: "ada", gate: make(chan struct{}), busy: make(chan string, 1)}
	e.Work(t, worker.Activity(b.Saw), worker.Activity(b.Clean), worker.Sessions(1), worker.Identity("ada"))
	run := rig.Run(t, e, Shelf, "shelf")
	<-b.busy
	check(t, e.Client().Cancel(t.Context(), run.ID()))
	if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrorType("Cleaned")) || !strings.Contains(err.Error(), "cleaned ada, true") {
		t.Errorf("it ended with %v", err)
	}
}

// Without a worker that takes sessions there is none.
func Nowhere(ctx workflow.Context, _ string) (string, error) {
	_, err := workflow.CreateSession(ctx, workflow.SessionCreation(50*time.Millisecond))
	if !errors.Is(err, workflow.ErrSessionFailed) {
		return "", fmt.Errorf("got %w", err)
	}
	s, err := workflow.CreateSession(ctx, workflow.SessionQueue("benches"), workflow.SessionTimeout(50*time.Millisecond))
	if err != nil {
		return "", err
	}
	return workflow.Do(s, anyBench.Saw, "wood")
}

func TestSessionTimeouts(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Nowhere))
	b := &bench{name: "ada", gate: make(chan struct{}), busy: make(chan string, 1)}
	e.WorkOn(t, "benches", worker.Activity(b.Saw), worker.Sessions(1), worker.Identity("ada"))
	run := rig.Run(t, e, Nowhere, "")
	if _, err := run.Wait(t.Context()); !errors.Is(err, workflow.ErrSessionFailed) {
		t.Errorf("it ended with %v", err)
	}
}
