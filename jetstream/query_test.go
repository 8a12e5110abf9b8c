package jetstream_test

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// keeper is a worker with a run in its cache, which a step of some nonce left there.
type keeper struct {
	name  string
	nonce atomic.Value
	asked atomic.Int64
	again atomic.Value // func(jetstream.Responder): in place of the answer
}

// keep serves the queries of a worker.
func keep(t *testing.T, s *jetstream.Store, name, nonce string) *keeper {
	t.Helper()
	k := &keeper{name: name}
	k.nonce.Store(nonce)
	stop, err := s.ServeQueries(queue, name, func(q *protocol.QueryTask, answer jetstream.Responder) {
		k.asked.Add(1)
		if f, ok := k.again.Load().(func(jetstream.Responder)); ok {
			f(answer)
			return
		}
		// An error says that the test is over: there are questions whose answer does not matter.
		_ = answer(k.says(q.Query.Name, ""))
	})
	must(t, err)
	t.Cleanup(stop)
	return k
}

// says is its answer to a question, and through which server it has heard everything.
func (k *keeper) says(what, heardOn string) *protocol.WorkflowTaskAnswer {
	return &protocol.WorkflowTaskAnswer{
		Worker: k.name, Nonce: k.nonce.Load().(string), HeardOn: heardOn, Query: &protocol.WorkflowQueryAnswer{
			Result: protocol.Payload{Data: []byte(`"` + k.name + " says " + what + `"`)},
		},
	}
}

// took records a step that a worker took.
func took(t *testing.T, s *jetstream.Store, nonce, worker string, expect uint64) uint64 {
	t.Helper()
	r := record("wf", nonce)
	if worker != "" {
		r.Worker = protocol.WorkerKey(queue, worker)
	}
	seq, err := s.Append(t.Context(), 0, r, []byte(nonce), expect)
	must(t, err)
	return seq
}

func wantAnswer(t *testing.T, s *jetstream.Store, run, want string) {
	t.Helper()
	a, known := s.QueryCached(t.Context(), "wf", run, protocol.WorkflowQuery{Name: "hello"})
	if got := string(a.Result.Data); known != (want != "") || known && (got != `"`+want+`"` || a.Run != "run" || a.ID != "wf") {
		t.Errorf("the query is answered with %+v, known %t; want %q", a, known, want)
	}
}

// An answer counts only if it stands on the last record, and comes from the worker that this names.
func TestQueryCached(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.other(t)
	wantAnswer(t, s, "", "") // no such workflow
	ada, bob := keep(t, w.other(t), "ada", "n1"), keep(t, w.other(t), "bob", "n0")
	seq := took(t, w.Store, "n1", "ada", 0)
	for range 3 {
		wantAnswer(t, s, "", "ada says hello")
		wantAnswer(t, s, "run", "ada says hello")
		wantAnswer(t, s, "another run", "")
	}
	if ada.asked.Load() != 6 || bob.asked.Load() != 0 {
		t.Errorf("ada was asked %d times and bob %d, want 6 and 0", ada.asked.Load(), bob.asked.Load())
	}
	// Another node recorded a step of bob's, and ada's run has not heard of it.
	seq = took(t, w.Store, "n2", "bob", seq)
	wantAnswer(t, s, "", "") // nor has bob's
	bob.nonce.Store("n2")
	wantAnswer(t, s, "", "bob says hello")
	// Both took the same step, one of them in vain. bob is remembered, but it is ada's that counts.
	seq = took(t, w.Store, "n3", "ada", seq)
	ada.nonce.Store("n3")
	bob.nonce.Store("n3")
	wantAnswer(t, s, "", "ada says hello")
	// The worker has taken a step that is not recorded.
	ada.nonce.Store("n4")
	wantAnswer(t, s, "", "")
	ada.nonce.Store("n3")
	wantAnswer(t, s, "", "ada says hello")
	// A record that no worker had a part in.
	seq = took(t, w.Store, "n4", "", seq)
	wantAnswer(t, s, "", "")
	// The worker is gone.
	took(t, w.Store, "n5", "gone", seq)
	began := time.Now()
	wantAnswer(t, s, "", "")
	if after := time.Since(began); after > patience/40 {
		t.Errorf("that nobody listens took %s to notice", after)
	}
}

// What the worker says may take long, if it says that it is at it. What cannot count is not waited for.
func TestQueryCachedSlowly(t *testing.T) {
	t.Parallel()
	w := start(t)
	ada := keep(t, w.other(t), "ada", "n1")
	seq := took(t, w.Store, "n1", "ada", 0)
	s := w.other(t)
	wantAnswer(t, s, "", "ada says hello")
	working, finish := make(chan struct{}), make(chan struct{})
	ada.again.Store(func(answer jetstream.Responder) {
		must(t, answer(&protocol.WorkflowTaskAnswer{Worker: "ada", Progress: true}))
		working <- struct{}{}
		<-finish
		_ = answer(&protocol.WorkflowTaskAnswer{Worker: "ada", Nonce: "n1", Query: &protocol.WorkflowQueryAnswer{
			Result: protocol.Payload{Data: []byte(`"at last"`)},
		}})
	})
	go func() {
		<-working
		close(finish)
	}()
	wantAnswer(t, s, "", "at last")
	// ada is asked, because she was the last; but the record names another, who answers while ada is still at it.
	finish = make(chan struct{})
	defer close(finish)
	keep(t, w.other(t), "bob", "n2")
	took(t, w.Store, "n2", "bob", seq)
	wantAnswer(t, s, "", "bob says hello")
	next(t, working, "ada's sign of life")
}

// Code that is not of the current version is not asked, unless the run is pinned to it.
func TestQueryCachedOfAVersion(t *testing.T) {
	t.Parallel()
	w := start(t)
	ada := keep(t, w.other(t), "ada", "n1")
	took(t, w.Store, "n1", "ada", 0)
	answer := func(version string, pinned bool) func(jetstream.Responder) {
		return func(answer jetstream.Responder) {
			must(t, answer(&protocol.WorkflowTaskAnswer{
				Worker: "ada", Nonce: "n1", Version: version, Pinned: pinned, Query: &protocol.WorkflowQueryAnswer{
					Result: protocol.Payload{Data: []byte(`"` + version + `"`)},
				},
			}))
		}
	}
	ada.again.Store(answer("v1", false))
	wantAnswer(t, w.Store, "", "v1")
	must(t, w.SetCurrentVersion(t.Context(), queue, "v2"))
	wantAnswer(t, w.Store, "", "")
	ada.again.Store(answer("v2", false))
	wantAnswer(t, w.Store, "", "v2")
	ada.again.Store(answer("v1", true))
	wantAnswer(t, w.Store, "", "v1")
}

// A server that is alone is asked by the cheaper of two calls.
func TestQueryCachedReadsDirectlyFromAServerThatIsAlone(t *testing.T) {
	t.Parallel()
	w := start(t)
	keep(t, w.other(t), "ada", "n1")
	took(t, w.Store, "n1", "ada", 0)
	s, spy := w.other(t), connect(t, w.srv)
	calls := make(chan *nats.Msg, 100)
	_, err := spy.ChanSubscribe("$JS.API.DIRECT.GET.MR_default_HISTORY_0.>", calls)
	must(t, err)
	must(t, spy.Flush())
	for begin := time.Now(); len(calls) == 0 && time.Since(begin) < patience; { // until what the server says of itself is heard
		wantAnswer(t, s, "", "ada says hello")
	}
	if m := next(t, calls, "a direct get"); m.Subject != "$JS.API.DIRECT.GET.MR_default_HISTORY_0.mr.default.hist.0.wf" {
		t.Errorf("the server was asked on %s", m.Subject)
	}
}

// deaf is a connection on which the server hears no request for a record, as if the client were not allowed to ask.
type deaf struct{ net.Conn }

func (d deaf) Write(b []byte) (int, error) {
	n, err := d.Conn.Write(bytes.ReplaceAll(b, []byte("$JS.API.STREAM.MSG.GET.MR_default_HIST"), []byte("$NO.API.STREAM.MSG.GET.MR_default_HIST")))
	return n, err
}

type deafDialer struct{}

func (deafDialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address) //nolint:noctx // the interface has no context
	return deaf{c}, err
}

// Who may not read history is not made to wait for it again and again.
func TestQueryCachedOfWhoMayNotRead(t *testing.T) {
	t.Parallel()
	srv := listening(t, t.TempDir(), "127.0.0.1:0")
	node := connect(t, srv)
	w, err := jetstream.Create(t.Context(), node, ns, jetstream.Options{Shards: 1})
	must(t, err)
	ada := keep(t, w, "ada", "n1")
	took(t, w, "n1", "ada", 0)
	_, err = node.Subscribe("$NO.>", func(*nats.Msg) {}) // else the server would say that nobody listens
	must(t, err)
	nc, err := nats.Connect(srv.URL(), nats.SetCustomDialer(deafDialer{}))
	must(t, err)
	t.Cleanup(nc.Close)
	s, err := jetstream.Open(t.Context(), nc, ns)
	must(t, err)
	wantAnswer(t, s, "", "")
	began := time.Now()
	for range 10 {
		wantAnswer(t, s, "", "")
	}
	if after := time.Since(began); after > time.Second || ada.asked.Load() != 0 {
		t.Errorf("ten further queries took %s, and the worker was asked %d times", after, ada.asked.Load())
	}
}
