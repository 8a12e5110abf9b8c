package orchestrator

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// startOf is what a client that nobody knows any more has sent to the owner.
func startOf(t *testing.T, wf any, id string) (protocol.StartInput, protocol.Delivery) {
	t.Helper()
	name, err := protocol.FuncName(wf)
	if err != nil {
		t.Fatal(err)
	}
	in := protocol.StartInput{Type: name, ID: id, Queue: "q", Run: uuid.NewString(), RequestID: uuid.NewString()}
	data, err := protocol.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return in, protocol.Delivery{
		Time: time.Now(), Subject: protocol.DefaultNamespace.Direct(0, protocol.KindStart, id), Data: data, Reply: "_INBOX.nobody",
	}
}

// A start that came directly lies nowhere but in its record. When the node dies right after that and nobody asks again, the next
// owner finds the record and does what follows from it.
func TestDeathAfterADirectStartOfAGoneClient(t *testing.T) {
	t.Parallel()
	c := newCrew()
	r := newRelay(t, direct, func(r *protocol.Record) bool { return schedules(r, "orchestrator.crew.B") }, c.options()...)
	in, d := startOf(t, c.One, "wf")
	<-r.ready
	if err := r.store.Conn().PublishRequest(d.Subject, d.Reply, d.Data); err != nil {
		t.Fatal(err)
	}
	<-r.first.died
	r.ends(client.Get[string](r.client, "wf", in.Run), "B")
	if n := r.stored(); n != 0 {
		t.Errorf("%d messages went through the inbox", n)
	}
}

// A node that was replaced without knowing it writes a record and dies. The shard's owner comes across the record.
func TestRecordOfAReplacedNode(t *testing.T) {
	t.Parallel()
	c := newCrew()
	r := newRelay(t, direct, func(r *protocol.Record) bool { return r.Workflow == "first" }, c.options()...)
	// The relay's first node takes a step and dies; the second owns the shard from then on.
	_, err := client.Start(t.Context(), r.client, c.One, struct{}{}, client.ID("first"))
	if err != nil {
		t.Fatal(err)
	}
	dead, cancel := context.WithCancel(context.Background())
	defer cancel()
	stale := &mortal{ways: r.store, dies: func(*protocol.Record) bool { return true }, died: make(chan struct{})}
	old := newShard(dead, 0, protocol.DefaultNamespace, stale, r.rows(stale), slog.New(slog.DiscardHandler), uuid.NewString)
	if err := old.takeStock(); err != nil {
		t.Fatal(err)
	}
	old.inbox.last = old.backlog // it had read its inbox before it froze
	in, d := startOf(t, c.One, "stale")
	if !old.receiveDirect(d, 0) {
		t.Fatal("the old node did not take the start")
	}
	<-stale.died
	cancel()
	old.stop(dead, nil)
	// Whatever the owner writes next lies behind the record.
	if _, err := client.Start(t.Context(), r.client, c.One, struct{}{}, client.ID("next")); err != nil {
		t.Fatal(err)
	}
	r.ends(client.Get[string](r.client, "stale", in.Run), "B")
}

// The owner comes across the record of a start when the same start comes again: it must not take the workflow for a new one, and the
// record for looked after.
func TestRecordOfAStartThatComesAgain(t *testing.T) {
	t.Parallel()
	c := newCrew()
	r := newRelay(t, direct, func(*protocol.Record) bool { return false }, c.options()...)
	<-r.ready
	stale := &mortal{ways: r.store, dies: func(*protocol.Record) bool { return true }, died: make(chan struct{})}
	shardOf := func(ctx context.Context, store Store) *shard {
		s := newShard(ctx, 0, protocol.DefaultNamespace, store, r.rows(store), slog.New(slog.DiscardHandler), uuid.NewString)
		if err := s.takeStock(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	dead, cancel := context.WithCancel(context.Background())
	defer cancel()
	old := shardOf(dead, stale)
	in, d := startOf(t, c.One, "wf")
	if !old.receiveDirect(d, 0) {
		t.Fatal("the old node did not take the start")
	}
	<-stale.died
	cancel()
	old.stop(dead, nil)

	heir := shardOf(t.Context(), r.store)
	a := &actor{shard: heir, id: "wf"}
	input, err := heir.input(d)
	if err != nil {
		t.Fatal(err)
	}
	seq := heir.ledger.last
	err = a.step(t.Context(), []item{
		{input: input, delivery: d, done: func() {}},
		{input: protocol.Input{Workflow: "wf"}, record: seq, done: func() { heir.ledger.finished(seq) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get[string](r.client, "wf", in.Run).Wait(t.Context()); err != nil || got != "B" {
		t.Errorf("the run ended with %q, %v", got, err)
	}
	heir.stop(t.Context(), nil)
}

// What is known to lie in the inbox is not overtaken, and nothing is before the inbox that the node took over has been read.
func TestDirectDoesNotOvertake(t *testing.T) {
	t.Parallel()
	c := newCrew()
	r := newRelay(t, direct, func(r *protocol.Record) bool { return schedules(r, "orchestrator.crew.B") }, c.options()...)
	<-r.ready
	s := newShard(t.Context(), 0, protocol.DefaultNamespace, r.store, r.rows(r.store), slog.New(slog.DiscardHandler), uuid.NewString)
	in, d := startOf(t, c.One, "wf")
	s.inbox.last, s.backlog = 4, 7
	for _, x := range []struct {
		read, after uint64
		taken       bool
	}{{4, 0, false}, {6, 5, false}, {7, 8, false}, {7, 7, true}, {8, 8, true}, {8, 0, true}} {
		s.inbox.last = x.read
		if taken := s.receiveDirect(d, x.after); taken != x.taken {
			t.Errorf("after %d, with the inbox read up to %d, taken is %v", x.after, x.read, taken)
		}
	}
	s.inbox.last = 4
	result := protocol.Delivery{Time: time.Now(), Subject: protocol.DefaultNamespace.Direct(0, protocol.KindResult, "none"), Data: []byte("{}")}
	if s.receiveDirect(result, 5) || !s.receiveDirect(result, 4) {
		t.Error("a result must wait for what its worker has stored, and for nothing else")
	}
	s.stop(t.Context(), nil)
	if s.receiveDirect(d, 0) {
		t.Error("a node that gave the shard up took an input")
	}
	if _, err := client.Get[string](r.client, "wf", in.Run).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.result(c.One, "B")
}

// A run that is asked for directly puts nothing into the inbox, and its worker gets the activity without the queue: two messages are
// stored for a hello, and the row.
func TestHelloIsTwoMessages(t *testing.T) {
	t.Parallel()
	c := newCrew()
	r := newRelay(t, direct, func(*protocol.Record) bool { return false }, c.options()...)
	<-r.ready
	ns := protocol.DefaultNamespace
	stored := func(stream string) uint64 {
		t.Helper()
		s, err := r.js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.LastSeq
	}
	tasks := stored(ns.TasksStream())
	if _, err := client.Start(t.Context(), r.client, c.One, struct{}{}, client.ID("hello")); err != nil {
		t.Fatal(err)
	}
	r.settled("hello")
	if i, h, k := stored(ns.InboxStream(0)), stored(ns.HistoryStream(0)), stored(ns.TasksStream())-tasks; i != 0 || h != 2 || k != 0 {
		t.Errorf("%d messages were stored in the inbox, %d in the history, %d tasks, want 0, 2 and 0", i, h, k)
	}
}

// settled waits for the end of a run.
func (r *relay) settled(id string) {
	r.t.Helper()
	if _, err := client.Get[string](r.client, id, "").Wait(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// The node dies when it has ended a run to make room for another one, and the client that wanted that is gone. The next owner begins the
// other run, and whoever comes later finds that.
func TestDeathBetweenTwoRunsOfAGoneClient(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, holds("WorkflowExecutionTerminated"), chains()...)
	r.start("waits")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	go func() {
		<-r.first.died
		leave()
	}()
	memo := client.Memo(map[string]any{"of": "the one who left"})
	_, err := client.StartNamed[string](ctx, r.client, "waits", 0, client.ID("wf"), memo, client.OnConflict(protocol.ConflictTerminate))
	if err == nil {
		t.Fatal("the client heard of its start, although its node was dead")
	}
	_, err = client.StartNamed[string](t.Context(), r.client, "waits", 0, client.ID("wf"), client.OnConflict(protocol.ConflictUseExisting))
	must(t, err)
	d, err := r.client.Describe(t.Context(), "wf")
	must(t, err)
	if got := string(d.Memo["of"].Data); got != `"the one who left"` {
		t.Errorf("the run that is open has the memo %s", got)
	}
}

// A node that was replaced without knowing it has a signal that came directly. Its sender has asked the inbox since, and may have heard that
// it was refused: the node must not take it after all, but say that it did not.
func TestAReplacedNodeGivesBackWhatCameDirectly(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, func(*protocol.Record) bool { return false }, chains()...)
	<-r.ready
	run := r.start("waits")
	old := newShard(t.Context(), 0, protocol.DefaultNamespace, r.store, r.rows(r.store), slog.New(slog.DiscardHandler), uuid.NewString)
	a := &actor{shard: old, id: "wf", known: true}
	must(t, a.load(nil))
	must(t, client.Signal(t.Context(), r.client, "wf", two, "the history goes on"))

	data, err := protocol.Marshal(protocol.SignalInput{Name: one.Name(), RequestID: "late"})
	must(t, err)
	answers, err := r.store.Conn().SubscribeSync("_INBOX.late")
	must(t, err)
	d := protocol.Delivery{
		Subject: protocol.DefaultNamespace.Direct(0, protocol.KindSignal, "wf"), Data: data, Reply: answers.Subject, Time: time.Now(),
	}
	in, err := old.input(d)
	must(t, err)
	done := make(chan struct{})
	must(t, a.step(t.Context(), []item{{input: in, delivery: d, done: func() { close(done) }}}))
	<-done
	m, err := answers.NextMsgWithContext(t.Context())
	must(t, err)
	if got := m.Header.Get(protocol.HeaderTaken); got != "no" {
		t.Errorf("the node answers %q with %s: %s", got, protocol.HeaderTaken, m.Data)
	}
	must(t, client.Signal(t.Context(), r.client, "wf", one, "done"))
	if got, err := run.Wait(t.Context()); err != nil || got != "done" {
		t.Errorf("the run ended with %q, %v", got, err)
	}
	old.stop(t.Context(), nil)
}
