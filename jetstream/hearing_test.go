package jetstream_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// readings counts how often the last record of a workflow is read.
func readings(t *testing.T, w *world) (count func() int) {
	t.Helper()
	spy := connect(t, w.srv)
	calls := make(chan *nats.Msg, 1_000)
	for _, call := range []string{"DIRECT.GET.MR_default_HISTORY_0.>", "STREAM.MSG.GET.MR_default_HISTORY_0"} {
		_, err := spy.ChanSubscribe("$JS.API."+call, calls)
		must(t, err)
	}
	must(t, spy.Flush())
	return func() (n int) {
		must(t, spy.Flush())
		for len(calls) > 0 {
			<-calls
			n++
		}
		return n
	}
}

// attentive has a worker answer as one that has heard everything since the step that it answers for.
func (k *keeper) attentive(s *jetstream.Store) {
	heard := s.Hearing()
	k.again.Store(func(answer jetstream.Responder) {
		on := heard.Server
		if s.Hearing() != heard {
			on = ""
		}
		_ = answer(k.says("hello", on)) // an error says that the test is over
	})
}

// settle asks until what the server says of itself is known, and the answer is remembered.
func settle(t *testing.T, s *jetstream.Store, count func() int) {
	t.Helper()
	for range 1_000 {
		count()
		wantAnswer(t, s, "", "ada says hello")
		if count() == 0 {
			return
		}
	}
	t.Fatal("the last record is read for every query")
}

// A worker that would have heard of a later step is believed.
func TestQueryWithoutAReading(t *testing.T) {
	t.Parallel()
	w := start(t)
	s, of := w.other(t), w.other(t)
	ada := keep(t, of, "ada", "n1")
	seq := took(t, w.Store, "n1", "ada", 0)
	count := readings(t, w)
	wantAnswer(t, s, "", "ada says hello")
	for range 10 {
		wantAnswer(t, s, "", "ada says hello")
	}
	if n := count(); n != 11 {
		t.Errorf("a worker that does not say what it has heard is believed: %d readings for 11 queries", n)
	}
	ada.attentive(of)
	settle(t, s, count)
	for range 10 {
		wantAnswer(t, s, "", "ada says hello")
		wantAnswer(t, s, "run", "ada says hello")
	}
	if n := count(); n != 0 {
		t.Errorf("%d readings for 20 queries", n)
	}
	wantAnswer(t, s, "another run", "")
	ada.nonce.Store("n2") // a step that may not be recorded
	wantAnswer(t, s, "", "")
	seq = took(t, w.Store, "n2", "ada", seq)
	settle(t, s, count)
	// ada does not say any more that it has heard everything, and has not: bob took the next step.
	ada.again.Store(func(answer jetstream.Responder) {
		_ = answer(&protocol.WorkflowTaskAnswer{Worker: "ada", Nonce: "n2", Query: &protocol.WorkflowQueryAnswer{}})
	})
	keep(t, w.other(t), "bob", "n3")
	took(t, w.Store, "n3", "bob", seq)
	wantAnswer(t, s, "", "bob says hello")
}

// What a worker heard through another server proves nothing.
func TestQueryOfAWorkerElsewhere(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.other(t)
	ada := keep(t, w.other(t), "ada", "n1")
	took(t, w.Store, "n1", "ada", 0)
	ada.again.Store(func(answer jetstream.Responder) {
		_ = answer(ada.says("hello", "another"))
	})
	count := readings(t, w)
	for range 10 {
		wantAnswer(t, s, "", "ada says hello")
	}
	if n := count(); n != 10 {
		t.Errorf("%d readings for 10 queries", n)
	}
}

// A worker hears that it was overtaken before any question that is asked afterwards.
func TestOvertake(t *testing.T) {
	t.Parallel()
	w := start(t)
	const n = 200
	heard := make(chan protocol.QueryTask, 2*n)
	stop, err := w.other(t).ServeQueries(queue, "ada", func(q *protocol.QueryTask, _ jetstream.Responder) { heard <- *q })
	must(t, err)
	t.Cleanup(stop)
	node, asker := w.other(t), connect(t, w.srv)
	word := protocol.QueryTask{Workflow: "wf", Run: "run", Overtaken: true, Unless: "n2"}
	for range n {
		must(t, node.Overtake(t.Context(), 0, protocol.WorkerKey(queue, "ada"), word))
		must(t, asker.Publish(ns.Queries(protocol.WorkerKey(queue, "ada")), []byte(`{"workflow_id":"wf","run_id":"run","query":{"name":"q"}}`)))
		first, then := next(t, heard, "that it was overtaken"), next(t, heard, "the question")
		if !first.Overtaken || first.Unless != "n2" || first.Run != "run" || then.Query.Name != "q" {
			t.Fatalf("heard %+v and then %+v", first, then)
		}
	}
	must(t, node.Overtake(t.Context(), 0, protocol.WorkerKey(queue, "nobody"), word))
}

// After its connection was lost, a worker does not claim that it has heard everything.
func TestHearing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := listening(t, dir, "127.0.0.1:0")
	back := make(chan struct{}, 10)
	nc, err := nats.Connect(srv.URL(), nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	must(t, err)
	t.Cleanup(nc.Close)
	s, err := jetstream.Create(t.Context(), nc, ns, jetstream.Options{Shards: 1})
	must(t, err)
	before := s.Hearing()
	if before != s.Hearing() || before.Server != nc.ConnectedServerId() || before.Server == "" {
		t.Errorf("the connection hears %+v, then %+v", before, s.Hearing())
	}
	must(t, nc.ForceReconnect())
	next(t, back, "the connection is back")
	if after := s.Hearing(); after == before || after.Server != before.Server {
		t.Errorf("after a loss the connection hears %+v, before %+v", after, before)
	}
}
