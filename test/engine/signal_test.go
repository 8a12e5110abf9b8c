package engine

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var word = workflow.NewSignal[string]("word")

// Collect receives so many words.
func Collect(ctx workflow.Context, n int) ([]string, error) {
	var words []string
	for range n {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return nil, err
		}
		words = append(words, w)
	}
	return words, nil
}

func TestSignalsArriveInOrder(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	run := rig.Run(t, e, Collect, 3)
	// The first comes before any worker is there, the second while the run waits, the third to this run by name.
	send := func(w string, opts ...client.ToOption) {
		t.Helper()
		if err := client.Signal(t.Context(), e.Client(), run.ID(), word, w, opts...); err != nil {
			t.Fatal(err)
		}
	}
	send("one")
	e.Work(t, worker.Workflow(Collect))
	send("two")
	send("three", client.InRun(run.RunID()))
	if got, want := rig.Result(t, run), []string{"one", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The same request is one signal, however often it is sent.
func TestSignalSentTwice(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	run := rig.Run(t, e, Collect, 2)
	for range 2 {
		if err := client.Signal(t.Context(), e.Client(), run.ID(), word, "once", client.WithRequestID("request-1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Signal(t.Context(), e.Client(), run.ID(), word, "more"); err != nil {
		t.Fatal(err)
	}
	e.Work(t, worker.Workflow(Collect))
	if got, want := rig.Result(t, run), []string{"once", "more"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSignalToNobody(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	err := client.Signal(t.Context(), e.Client(), "nobody", word, "hello")
	if !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("a signal to an unknown workflow: %v", err)
	}
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello))
	run := rig.Run(t, e, Greet, "Ada")
	rig.Result(t, run)
	err = client.Signal(t.Context(), e.Client(), run.ID(), word, "late")
	if !errors.Is(err, protocol.ErrClosed) {
		t.Errorf("a signal to a closed run: %v", err)
	}
}

// lastCall is a workflow that ends while a signal is on its way: it reports what waits for it when it ends.
type lastCall struct {
	steps chan struct{} // tells that the last step is being taken
	sent  chan struct{} // closed when the signal is on its way
}

func (l *lastCall) Run(ctx workflow.Context, _ struct{}) (string, error) {
	if _, err := workflow.Do(ctx, Hello, "Ada"); err != nil {
		return "", err
	}
	select {
	case l.steps <- struct{}{}:
	default:
	}
	<-l.sent
	w, _ := workflow.TryReceive(ctx, word)
	return w, nil
}

// A run must not end past a signal that was accepted. The step that ends the run is under way when the signal arrives, so the
// step is taken again, and its code sees the signal; or the run has ended, and the sender is told.
func TestSignalWhileTheRunEnds(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &lastCall{steps: make(chan struct{}, 1), sent: make(chan struct{})}
	e.Work(t, worker.Workflow(l.Run), worker.Activity(Hello))
	run := rig.Run(t, e, l.Run, struct{}{})
	<-l.steps
	before := received(t, e)
	accepted := make(chan error, 1)
	go func() {
		accepted <- client.Signal(context.WithoutCancel(t.Context()), e.Client(), run.ID(), word, "stay")
	}()
	rig.Until(t, "the signal in the inbox", func() bool { return received(t, e) > before })
	close(l.sent)
	got := rig.Result(t, run)
	switch err := <-accepted; {
	case err == nil && got != "stay":
		t.Errorf("the signal was accepted, and the run ended with %q: it did not see it", got)
	case err != nil && (got != "" || !errors.Is(err, protocol.ErrClosed)):
		t.Errorf("the signal was refused with %v, and the run ended with %q", err, got)
	}
}
