package jetstream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

func TestClosedWakesWhoeverWaits(t *testing.T) {
	t.Parallel()
	w := start(t)
	var waiting []<-chan protocol.Outcome
	for range 3 {
		ch, stop, err := w.WatchClosed("run")
		must(t, err)
		t.Cleanup(stop)
		waiting = append(waiting, ch)
	}
	stopped, stop, err := w.WatchClosed("run")
	must(t, err)
	stop()
	another, stopAnother, err := w.WatchClosed("another run")
	must(t, err)
	t.Cleanup(stopAnother)

	must(t, w.Closed(protocol.Outcome{ID: "wf", Run: "run", Status: protocol.StatusCompleted}))
	for _, ch := range waiting {
		if got := next(t, ch, "the end"); got.ID != "wf" || got.Status != protocol.StatusCompleted {
			t.Errorf("got %+v, want that wf completed", got)
		}
	}
	none(t, stopped, "the end, after stop,")
	none(t, another, "the end of another run")
}

func TestReplyReachesTheAsker(t *testing.T) {
	t.Parallel()
	w := start(t)
	verdicts := make(chan *nats.Msg, 1)
	sub, err := w.Conn().ChanSubscribe("_INBOX.asker", verdicts)
	must(t, err)
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	must(t, w.Reply("_INBOX.asker", protocol.Verdict{ID: "wf", Run: "run"}))
	if got, want := string(next(t, verdicts, "the verdict").Data), `{"id":"wf","run_id":"run"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// buried reads the last dead letter.
func buried(t *testing.T, w *world) *natsjs.RawStreamMsg {
	t.Helper()
	s, err := w.js.Stream(t.Context(), ns.DeadStream())
	must(t, err)
	m, err := s.GetMsg(t.Context(), s.CachedInfo().State.LastSeq)
	must(t, err)
	return m
}

func TestDeadLetterIsKeptAsItWas(t *testing.T) {
	t.Parallel()
	w := start(t)
	d := protocol.Delivery{
		Subject: ns.Input(0, protocol.KindSignal, "a workflow"), Data: []byte("{broken"),
		Header: map[string][]string{protocol.HeaderMsgID: {"request-1"}, "Trace": {"t-1"}},
	}
	for range 2 { // the same message may come again after a crash
		must(t, w.DeadLetter(t.Context(), d, errors.New("it is no JSON")))
	}
	m := buried(t, w)
	if string(m.Data) != "{broken" || m.Header.Get(protocol.HeaderFrom) != d.Subject ||
		m.Header.Get(protocol.HeaderWhy) != "it is no JSON" || m.Header.Get("Trace") != "t-1" {
		t.Errorf("got %q with %v, want the message, its subject, the reason and its headers", m.Data, m.Header)
	}
	if got := w.held(t, ns.DeadStream()); got != 2 {
		t.Errorf("%d dead letters, want 2", got)
	}
	if got := d.Header[protocol.HeaderMsgID]; len(got) != 1 {
		t.Error("the delivery's own headers were changed")
	}
}

// Headers that told the server what to do with the message must not tell it again: a refused dead letter blocks its shard.
func TestDeadLetterIsNotAnOrderToTheServer(t *testing.T) {
	t.Parallel()
	w := start(t)
	for header, value := range map[string]string{
		"Nats-Expected-Stream":                ns.InboxStream(0),
		"Nats-Expected-Last-Sequence":         "41",
		"Nats-Expected-Last-Subject-Sequence": "41",
		"Nats-Expected-Last-Msg-Id":           "request-0",
		"Nats-Rollup":                         "all",
		"Nats-TTL":                            "1s",
		"Nats-Schedule":                       "@every 1s",
		"Nats-Schedule-Target":                "mr.default.in.0.signal.wf",
	} {
		d := protocol.Delivery{Subject: "from", Header: map[string][]string{header: {value}}, Data: []byte(header)}
		if err := w.DeadLetter(t.Context(), d, errors.New("why")); err != nil {
			t.Errorf("with %s: %v", header, err)
			continue
		}
		if got := string(buried(t, w).Data); got != header {
			t.Errorf("with %s: got %q as the last dead letter", header, got)
		}
	}
}

// Whoever asks names the subject of the answer: it must not be one on which the asker may not publish itself.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	t.Parallel()
	w := start(t)
	write(t, w.Store, "wf", "n-1", 0)
	stop, err := w.ServeAPI("1.0.0", map[string]jetstream.Endpoint{
		"look": func(context.Context, []byte) (any, error) {
			t.Error("a request whose answer would do harm is answered")
			return nil, nil
		},
	})
	must(t, err)
	t.Cleanup(stop)
	purge := "$JS.API.STREAM.PURGE." + ns.HistoryStream(0)
	must(t, w.Conn().PublishRequest(ns.API("look"), purge, nil))
	must(t, w.Conn().Flush())
	for _, reply := range []string{purge, ns.History(0, "wf"), "$KV.MR_default_config.namespace", "orders", ""} {
		wantCode(t, w.Reply(reply, protocol.Verdict{ID: "wf"}), protocol.CodeBadRequest)
	}
	last, err := w.Last(t.Context(), 0, "wf")
	must(t, err)
	if last.Seq == 0 {
		t.Error("the history is gone")
	}
}

// A connection to which nobody would answer is refused before it waits for an answer.
func TestInboxPrefixThatGetsNoAnswers(t *testing.T) {
	t.Parallel()
	nc := connect(t, start(t).srv, nats.CustomInboxPrefix("replies"))
	_, err := jetstream.Open(t.Context(), nc, ns)
	wantCode(t, err, protocol.CodeBadRequest)
}
