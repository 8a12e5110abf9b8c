package jetstream_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// A sender names the last message that it knows to lie in the inbox. When the inbox was made anew, that is one of the new inbox: else its
// owner would refuse everything that comes directly.
func TestSenderOutlivesTheInbox(t *testing.T) {
	t.Parallel()
	w := start(t)
	sender := w.other(t)
	named := make(chan uint64, 10)
	stop, err := w.Directs(0, func(_ protocol.Delivery, after uint64) bool {
		named <- after
		return false
	})
	must(t, err)
	t.Cleanup(stop)
	answer(t, w, func(protocol.Delivery) protocol.Verdict { return protocol.Verdict{} })
	n := 0
	names := func(want uint64) {
		t.Helper()
		n++
		_, err := sender.Ask(t.Context(), "wf", protocol.SignalInput{Name: "s"}, "request-"+strconv.Itoa(n))
		must(t, err)
		if got := next(t, named, "a direct request"); got != want {
			t.Errorf("request %d names %d, want %d", n, got, want)
		}
	}
	names(0)
	tell(t, sender, "wf", "told", "told-1")
	tell(t, sender, "wf", "told", "told-2")
	names(3)
	inbox, err := w.js.Stream(t.Context(), ns.InboxStream(0))
	must(t, err)
	must(t, w.js.DeleteStream(t.Context(), ns.InboxStream(0)))
	_, err = w.js.CreateStream(t.Context(), inbox.CachedInfo().Config)
	must(t, err)
	answer(t, w, func(protocol.Delivery) protocol.Verdict { return protocol.Verdict{} })
	tell(t, sender, "wf", "told", "told-3")
	names(1)
	tell(t, sender, "wf", "told", "told-4")
	tell(t, sender, "wf", "told", "told-3") // a duplicate
	names(3)
}

// An owner that gives its shard up answers whatever is on its way to it. Who heard nothing would wait until patience ends.
func TestNobodyIsLeftWaitingWhenAnOwnerEnds(t *testing.T) {
	t.Parallel()
	w := start(t)
	sender := connect(t, w.srv)
	inbox := nats.NewInbox()
	const many = 2000
	answers := make(chan *nats.Msg, many)
	_, err := sender.ChanSubscribe(inbox, answers)
	must(t, err)
	reached := make(chan struct{}, many)
	stop, err := w.Directs(0, func(protocol.Delivery, uint64) bool {
		reached <- struct{}{}
		return false
	})
	must(t, err)
	sent := make(chan error, 1)
	go func() {
		for range many {
			m := &nats.Msg{Subject: ns.Direct(0, protocol.KindSignal, "wf"), Reply: inbox, Data: []byte("{}")}
			if err := sender.PublishMsg(m); err != nil {
				sent <- err
				return
			}
		}
		sent <- sender.Flush()
	}()
	next(t, reached, "a message")
	stop()
	must(t, <-sent)
	for i := range many {
		select {
		case <-answers:
		case <-time.After(patience):
			t.Fatalf("%d of %d were answered", i, many)
		}
	}
}
