package pressure

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// few lets so many tasks wait.
func few(o *orchestrator.Options) { o.MaxBacklog = 50 }

// hasty is a client that hears of a refusal.
func hasty(t *testing.T, e *rig.Engine) *client.Client {
	t.Helper()
	c, err := client.New(e.Conn(), client.FailWhenBusy(), client.DefaultQueue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// untilBusy starts runs until one is refused.
func untilBusy[C, O any](t *testing.T, c *client.Client, wf func(C, string) (O, error), in string) (runs []*client.Run[O], refusal error) {
	t.Helper()
	for i := 0; t.Context().Err() == nil; i++ {
		run, err := client.Start(t.Context(), c, wf, in, client.ID(fmt.Sprint("run-", i)))
		if err != nil {
			return runs, err
		}
		runs = append(runs, run)
	}
	t.Fatal("no start was refused")
	return nil, nil
}

// Nobody serves the queue, so at some point new runs are refused. Those that have begun are told what they are to be told, all of them
// end when a worker comes, and then there is room again.
func TestStartsAreRefusedWhileTooMuchWaits(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, few)
	c := hasty(t, e)
	runs, err := untilBusy(t, c, Gate, "")
	if !errors.Is(err, protocol.ErrBusy) || protocol.AsError(err).Hint == "" {
		t.Fatalf("the refusal is %v, want one that says what to do", err)
	}
	t.Logf("%d starts were taken; then: %v", len(runs), err)
	if len(runs) < 50 {
		t.Errorf("%d starts were taken, want 50 at least", len(runs))
	}
	if _, err := client.Start(t.Context(), c, Gate, "", client.ID("run-0")); !errors.Is(err, protocol.ErrAlreadyStarted) && !errors.Is(err, protocol.ErrBusy) {
		t.Errorf("a start of a run that is there: %v", err)
	}
	if _, err := client.SignalWithStart(t.Context(), c, Gate, "", pass, "go", client.ID("new")); !errors.Is(err, protocol.ErrBusy) {
		t.Errorf("a signal with the start of a new run: %v", err)
	}
	if _, err := client.SignalWithStart(t.Context(), c, Gate, "", pass, "go", client.ID("run-0")); err != nil {
		t.Errorf("a signal with the start of a run that is there: %v", err)
	}
	for _, run := range runs[1:] {
		if err := client.Signal(t.Context(), c, run.ID(), pass, "go"); err != nil {
			t.Errorf("a run that has begun does not get its signal: %v", err)
		}
	}
	if err := c.Cancel(t.Context(), runs[len(runs)-1].ID()); err != nil {
		t.Errorf("a run that has begun cannot be cancelled: %v", err)
	}
	e.Work(t, worker.Workflow(Gate), worker.Activity(Echo))
	for _, run := range runs[:len(runs)-1] {
		if got := rig.Result(t, run); got != "go" {
			t.Errorf("%s returned %q", run.ID(), got)
		}
	}
	rig.Until(t, "room for a new run", func() bool {
		run, err := client.Start(t.Context(), c, Hello, "x", client.ID("afterwards"))
		if err == nil && run.ID() == "" {
			t.Error("no run")
		}
		return err == nil
	})
}

// A client that is not told otherwise waits for room, as long as its context has it.
func TestClientsWaitForRoom(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, few)
	if _, err := untilBusy(t, hasty(t, e), Hello, "x"); !errors.Is(err, protocol.ErrBusy) {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := client.Start(short, e.Client(), Hello, "x", client.Queue(rig.Queue)); !errors.Is(err, protocol.ErrBusy) {
		t.Errorf("got %v when time was up, want the refusal", err)
	}
	started := make(chan error, 1)
	go func() {
		run, err := client.Start(t.Context(), e.Client(), Hello, "patient", client.Queue(rig.Queue))
		if err == nil {
			_, err = run.Wait(t.Context())
		}
		started <- err
	}()
	select {
	case err := <-started:
		t.Fatalf("the start did not wait: %v", err)
	case <-time.After(200 * time.Millisecond): // it has been refused by now
	}
	e.Work(t, worker.Workflow(Hello), worker.Activity(Echo))
	if err := <-started; err != nil {
		t.Error(err)
	}
}
