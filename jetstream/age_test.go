package jetstream_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// A direct input that lay in a socket for as long as its sender's patience lasts is refused: it may have been decided elsewhere.
func TestAnOldDirectInputIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	stop, err := w.Directs(0, func(d protocol.Delivery, _ uint64) bool {
		must(t, w.Reply(d.Reply, protocol.Verdict{}))
		return true
	})
	must(t, err)
	t.Cleanup(stop)
	ago := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(-d).UnixMilli(), 10) }
	sender := connect(t, w.srv)
	for _, x := range []struct {
		sent  string
		taken bool
	}{
		{"", true},
		{ago(0), true},
		{ago(time.Second), true},
		{ago(2 * time.Second), false},
		{ago(time.Hour), false},
		{ago(-time.Hour), false},
		{"soon", false},
		{"99999999999999999999", false},
		{"9223372036854775807", false},
		{"-9223372036854775808", false},
	} {
		m := &nats.Msg{Subject: ns.Direct(0, protocol.KindSignal, "wf"), Header: nats.Header{}, Data: []byte("{}")}
		if x.sent != "" {
			m.Header.Set(protocol.HeaderSent, x.sent)
		}
		answer, err := sender.RequestMsg(m, patience)
		must(t, err)
		if taken := answer.Header.Get(protocol.HeaderTaken) != "no"; taken != x.taken {
			t.Errorf("one that was sent at %q is taken: %t", x.sent, taken)
		}
		if said := answer.Header.Get(protocol.HeaderTime) != ""; said == x.taken {
			t.Errorf("the answer to one that was sent at %q says what time it is: %t", x.sent, said)
		}
	}
}

// Whose clock differs from that of the owners goes through the inbox once, and says from then on when it is for them.
func TestASenderLearnsWhatTimeItIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	sent := make(chan time.Time, 10)
	owner := connect(t, w.srv)
	_, err := owner.Subscribe(ns.Directs(0), func(m *nats.Msg) {
		ms, err := strconv.ParseInt(m.Header.Get(protocol.HeaderSent), 10, 64)
		if err != nil {
			t.Error(err)
		}
		sent <- time.UnixMilli(ms)
		no := nats.NewMsg(m.Reply)
		no.Header.Set(protocol.HeaderTaken, "no")
		no.Header.Set(protocol.HeaderTime, strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10))
		if err := m.RespondMsg(no); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	must(t, owner.Flush())
	answer(t, w, func(protocol.Delivery) protocol.Verdict { return protocol.Verdict{} })
	sender := w.other(t)
	for n, later := range []time.Duration{0, time.Hour, time.Hour} {
		_, err := sender.Ask(t.Context(), "wf", protocol.SignalInput{Name: "s"}, "request-"+strconv.Itoa(n), false)
		must(t, err)
		if off := time.Until(next(t, sent, "a direct request").Add(-later)); off.Abs() > time.Minute {
			t.Errorf("request %d says a time that is %s off", n, off)
		}
	}
}
