package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Census collects words, and begins a new run after every third.
func Census(ctx workflow.Context, heard []string) ([]string, error) {
	for range 3 {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return nil, err
		}
		if w == "end" {
			return heard, nil
		}
		heard = append(heard, w)
	}
	return nil, workflow.ContinueAsNew(ctx, Census, heard)
}

// Every signal comes twice, directly and through the inbox, as it does when its sender hears no answer in time. It is received once,
// although runs follow each other all the while.
func TestSignalsOnBothWays(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Census))
	run := rig.Run(t, e, Census, nil, client.ID("tally"))
	inbox, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	const senders, each = 4, 25
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				value, err := protocol.Encode(fmt.Sprintf("%d-%d", s, i))
				if err != nil {
					t.Error(err)
				}
				in := protocol.SignalInput{Name: word.Name(), Input: value, RequestID: fmt.Sprintf("request-%d-%d", s, i)}
				first := func() error { _, err := inbox.Ask(t.Context(), "tally", in, in.RequestID, false); return err }
				second := func() error { return inbox.Tell(t.Context(), "tally", in, in.RequestID+"-again", "") }
				if i%2 == 1 {
					first, second = second, first
				}
				if err := first(); err != nil {
					t.Error(err)
				}
				if err := second(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	signals(t, e, "tally", "end")
	heard := rig.Result(t, run)
	times := map[string]int{}
	for _, w := range heard {
		times[w]++
	}
	for w, n := range times {
		if n != 1 {
			t.Errorf("%s was heard %d times", w, n)
		}
	}
	if len(times) != senders*each {
		t.Errorf("%d signals were heard, want %d", len(times), senders*each)
	}
}

// A request that leaves no trace is answered by what became of it in the inbox if it may have been asked before: another copy of it, which
// comes late, is known there. Answered directly, a start that has found its run began another, and a signal that was refused was received.
func TestACopyOfARefusalComesLate(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Census))
	inbox, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	late := func(body protocol.InputBody, id string) {
		t.Helper()
		if err := inbox.Tell(t.Context(), "tally", body, id, ""); err != nil {
			t.Fatal(err)
		}
	}
	first := rig.Run(t, e, Census, nil, client.ID("tally"))
	found := rig.Run(t, e, Census, nil, client.ID("tally"), client.OnConflict(protocol.ConflictUseExisting), client.RequestID("start"))
	if found.RunID() != first.RunID() {
		t.Fatalf("the start found the run %s, want %s", found.RunID(), first.RunID())
	}
	signals(t, e, "tally", "end")
	rig.Result(t, first)
	if err := client.Signal(t.Context(), e.Client(), "tally", word, "refused", client.WithRequestID("signal")); err == nil {
		t.Fatal("a run that has ended took a signal")
	}

	late(protocol.StartInput{Type: "engine.Census", Queue: "test", Run: "unknown", RequestID: "start"}, "start")
	next := rig.Run(t, e, Census, nil, client.ID("tally"))
	value, err := protocol.Encode("refused")
	if err != nil {
		t.Fatal(err)
	}
	late(protocol.SignalInput{Name: word.Name(), Input: value, RequestID: "signal"}, "signal")
	signals(t, e, "tally", "heard", "end")
	if heard := rig.Result(t, next); len(heard) != 1 || heard[0] != "heard" {
		t.Errorf("the next run heard %q", heard)
	}
}

// A run that was ended before its code saw an update has taken it nevertheless, and its asker hears that it came to nothing: a copy of it that
// comes late is not done by the next run.
func TestACopyOfAnUnseenUpdateComesLate(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	rig.Run(t, e, Counter, struct{}{}, client.ID("counter"))
	answered := make(chan error, 1)
	go func() {
		_, err := client.Update(t.Context(), e.Client(), "counter", add, 1, client.UpdateID("u"), client.WithRequestID("r"))
		answered <- err
	}()
	e.Await(t, "counter", protocol.WorkflowExecutionUpdateAdmitted{}.EventType())
	rig.Run(t, e, Counter, struct{}{}, client.ID("counter"), client.OnConflict(protocol.ConflictTerminate))
	if err := <-answered; !errors.Is(err, protocol.ErrClosed) {
		t.Fatalf("the update came to %v, want closed", err)
	}
	inbox, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	one, err := protocol.Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	late := protocol.UpdateInput{UpdateCall: protocol.UpdateCall{UpdateID: "u", RequestID: "r", Name: add.Name(), Input: one}}
	if err := inbox.Tell(t.Context(), "counter", late, "late", ""); err != nil {
		t.Fatal(err)
	}
	e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	if got := ask(t, e, "counter", add, 2); got != 2 {
		t.Errorf("the next run counts %d, want 2", got)
	}
}

// Who hears that a request was refused can rely on it: nothing of it is left in the inbox then, where another node would find it.
func TestARefusalIsToldLast(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	id := "nobody"
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := js.Stream(t.Context(), protocol.DefaultNamespace.InboxStream(protocol.Shard(id, 1)))
	if err != nil {
		t.Fatal(err)
	}
	before := stateOf(t, inbox)
	for range 3 {
		err := client.Signal(t.Context(), e.Client(), id, word, "refused", client.WithRequestID("signal-"+rand.Text()))
		if !errors.Is(err, protocol.ErrNotFound) {
			t.Fatalf("the signal came to %v", err)
		}
		if state := stateOf(t, inbox); state.Msgs != 0 {
			t.Fatalf("%d inputs are left", state.Msgs)
		}
	}
	if state := stateOf(t, inbox); state.LastSeq != before.LastSeq+3 {
		t.Errorf("%d signals went through the inbox, want 3", state.LastSeq-before.LastSeq)
	}
}

func stateOf(t *testing.T, stream natsjs.Stream) natsjs.StreamState {
	t.Helper()
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State
}

// A start that lay in a socket for longer than its sender waited is not taken: the sender has told the inbox since, and may have heard
// something that leaves no trace.
func TestAStartThatLayInASocket(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Census))
	for name, x := range map[string]struct {
		age   time.Duration
		taken string
	}{"old": {time.Minute, "no"}, "new": {0, ""}} {
		data, err := protocol.Marshal(protocol.StartInput{Type: "engine.Census", Queue: "test", Run: name, RequestID: name})
		if err != nil {
			t.Fatal(err)
		}
		m := nats.NewMsg(protocol.DefaultNamespace.Direct(0, protocol.KindStart, name))
		m.Data = data
		m.Header.Set(protocol.HeaderSent, strconv.FormatInt(time.Now().Add(-x.age).UnixMilli(), 10))
		answer, err := e.Conn().RequestMsgWithContext(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Header.Get(protocol.HeaderTaken); got != x.taken {
			t.Errorf("the %s one is answered with %q, want %q: %s", name, got, x.taken, answer.Data)
		}
		_, err = e.Client().Describe(t.Context(), name)
		if began := err == nil; began != (x.taken == "") {
			t.Errorf("the %s one has begun a run: %t, %v", name, began, err)
		}
	}
}
