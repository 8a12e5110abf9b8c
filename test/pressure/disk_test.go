package pressure

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// small is a store of 64 MB.
func small(o *orchestrator.Options) { o.MaxStore = 64 << 20 }

// fill takes as much of the store, past every guard, as others on the account can, until empty is called.
func fill(t *testing.T, nc *nats.Conn, most int) (empty func()) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: "OTHERS", Subjects: []string{"others"}}); err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0 && most > 0; size /= 2 {
		for most > 0 {
			if _, err := js.Publish(t.Context(), "others", make([]byte, size)); err != nil {
				break
			}
			most -= size
		}
	}
	return func() {
		if err := js.DeleteStream(t.Context(), "OTHERS"); err != nil {
			t.Error(err)
		}
	}
}

// New runs are refused before the store is full. Those that are there end, and when they are removed there is room again.
func TestStartsAreRefusedBeforeTheStoreIsFull(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, small)
	e.Work(t, worker.Workflow(Gate), worker.Activity(Echo))
	fill(t, e.Conn(), 48<<20)
	c := hasty(t, e)
	runs, err := untilBusy(t, c, Gate, strings.Repeat("0123456789abcdef", 1<<10))
	if !errors.Is(err, protocol.ErrBusy) || !strings.Contains(err.Error(), "nearly full") {
		t.Fatalf("the refusal is %v", err)
	}
	t.Logf("%d starts were taken; then: %v", len(runs), err)
	for _, run := range runs {
		if err := client.Signal(t.Context(), c, run.ID(), pass, "go"); err != nil {
			t.Fatalf("%s does not get its signal: %v", run.ID(), err)
		}
		if got := rig.Result(t, run); got != "go" {
			t.Errorf("%s returned %q", run.ID(), got)
		}
	}
	for _, run := range runs {
		rig.Until(t, "the end of what is to be done for "+run.ID(), func() bool { return c.Delete(t.Context(), run.ID()) == nil })
	}
	rig.Until(t, "room for a new run", func() bool {
		_, err := client.Start(t.Context(), c, Gate, "", client.ID("afterwards"))
		return err == nil
	})
}

// A store that others have filled takes nothing. Whoever asks is told so or waits, what was acknowledged is there, and everything goes
// on by itself when there is room.
func TestFullStore(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, small)
	e.Work(t, worker.Workflow(Gate), worker.Activity(Echo))
	runs := make([]*client.Run[string], 10)
	for i := range runs {
		runs[i] = rig.Run(t, e, Gate, "")
	}
	empty := fill(t, e.Conn(), 1<<30)

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := client.Start(short, hasty(t, e), Gate, "", client.ID("too much"))
	switch code := protocol.AsError(err).Code; {
	case err == nil:
		t.Error("a start was acknowledged that cannot be stored")
	case code != protocol.CodeBusy && code != protocol.CodeUnavailable && code != protocol.CodeTimeout:
		t.Errorf("the start ended with %s: %v", code, err)
	}
	t.Logf("on a full store: %v", err)
	told := make(chan error, len(runs))
	for _, run := range runs {
		go func() { told <- client.Signal(t.Context(), e.Client(), run.ID(), pass, "go") }()
	}
	select {
	case err := <-told:
		t.Errorf("a signal that cannot be stored was answered: %v", err)
		told <- err
	case <-time.After(500 * time.Millisecond): // the steps wait for room
	}
	empty()
	for range runs {
		if err := <-told; err != nil {
			t.Errorf("a signal did not wait for room: %v", err)
		}
	}
	for _, run := range runs {
		if got := rig.Result(t, run); got != "go" {
			t.Errorf("%s returned %q", run.ID(), got)
		}
	}
}
