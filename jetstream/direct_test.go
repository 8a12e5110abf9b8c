package jetstream_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// refuseDirects takes nothing of what is sent directly, and passes on which message of the inbox each sender names.
func refuseDirects(t *testing.T, w *world) <-chan uint64 {
	t.Helper()
	named := make(chan uint64, 10)
	stop, err := w.Directs(0, func(_ protocol.Delivery, after uint64) bool {
		named <- after
		return false
	})
	must(t, err)
	t.Cleanup(stop)
	return named
}

// A sender names the last message that it knows to lie in the inbox. When the inbox was made anew, that is one of the new inbox: else its
// owner would refuse everything that comes directly.
func TestSenderOutlivesTheInbox(t *testing.T) {
	t.Parallel()
	w := start(t)
	sender := w.other(t)
	named := refuseDirects(t, w)
	answer(t, w, func(protocol.Delivery) protocol.Verdict { return protocol.Verdict{} })
	n := 0
	names := func(want uint64) {
		t.Helper()
		n++
		_, err := sender.Ask(t.Context(), "wf", protocol.SignalInput{Name: "s"}, "request-"+strconv.Itoa(n), false)
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

// A result that went through the inbox, because its owner had too much to do, does not send those after it the same way: they would go on
// to do so until the inbox is empty once.
func TestAResultDoesNotWaitForAnother(t *testing.T) {
	t.Parallel()
	w := start(t)
	named := refuseDirects(t, w)
	sender := w.other(t)
	tell(t, sender, "wf", "told", "told-1")
	for scheduled := range int64(3) {
		must(t, sender.PublishResult(t.Context(), "wf", protocol.ActivityResult{Run: "run", ScheduledID: scheduled, Attempt: 1}))
		if got := next(t, named, "a result"); got != 1 {
			t.Errorf("result %d names %d, want what was told before all of them", scheduled, got)
		}
	}
	if _, last, err := w.InboxBounds(t.Context(), 0); err != nil || last != 4 {
		t.Errorf("the inbox ends with %d, %v; want all results in it", last, err)
	}
}

// A worker that is ready hears that the workflow has dealt with it, unless the worker ends before.
func TestReadyIsHeard(t *testing.T) {
	t.Parallel()
	w := start(t)
	ready := protocol.WorkerReady{Run: "run", ScheduledID: 2, Worker: "me"}
	began := time.Now()
	heard, err := w.TellReady(t.Context(), "wf", ready)
	must(t, err)
	over := make(chan struct{})
	close(over)
	heard(over) // nobody reads the inbox
	answer(t, w, func(protocol.Delivery) protocol.Verdict { return protocol.Verdict{ID: "wf"} })
	heard, err = w.TellReady(t.Context(), "wf", ready)
	must(t, err)
	heard(nil)
	if _, last, err := w.InboxBounds(t.Context(), 0); err != nil || last != 2 {
		t.Errorf("the inbox ends with %d, %v; a word that is said again is a new one", last, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("that took %s", took)
	}
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

// An owner that was asked directly refuses when its patience has ended for whom it was asked: what the sender has put into the inbox since is
// decided once more, and that is what counts. It is the same with a start that found its run. That the owner took it would count.
func TestALateRefusalDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name   string
		direct protocol.Verdict
		want   string
	}{
		{"refused", protocol.Verdict{Error: protocol.ErrClosed}, "of the inbox"},
		{"rejected", protocol.Verdict{Update: &protocol.UpdateOutcome{Stage: protocol.UpdateRejected}}, "of the inbox"},
		{"found", protocol.Verdict{Run: "of the owner", Existing: true}, "of the inbox"},
		{"taken", protocol.Verdict{Run: "of the owner"}, "of the owner"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			held := make(chan protocol.Delivery, 1)
			stop, err := w.Directs(0, func(d protocol.Delivery, _ uint64) bool {
				held <- d
				return true
			})
			must(t, err)
			t.Cleanup(stop)
			stop, err = w.Inputs(t.Context(), 0, 0, func(d protocol.Delivery) {
				must(t, w.Reply((<-held).Reply, x.direct))
				if x.want == "of the inbox" {
					must(t, w.Reply(d.Get(protocol.HeaderReply), protocol.Verdict{Run: x.want}))
				}
			})
			must(t, err)
			t.Cleanup(stop)
			v, err := w.other(t).Ask(t.Context(), "wf", protocol.SignalInput{Name: "s"}, "once", false)
			must(t, err)
			if v.Run != x.want {
				t.Errorf("the verdict is that %s, want %s", v.Run, x.want)
			}
		})
	}
}
