package jetstream_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// answer plays the owner of the shard: it sends a verdict for every input.
func answer(t *testing.T, w *world, verdict func(d protocol.Delivery) protocol.Verdict) {
	t.Helper()
	stop, err := w.Inputs(t.Context(), 0, 0, func(d protocol.Delivery) {
		reply := d.Get(protocol.HeaderReply)
		if reply == "" {
			return // nobody asks
		}
		if err := w.Reply(reply, verdict(d)); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	t.Cleanup(stop)
}

func TestAskWaitsForTheVerdict(t *testing.T) {
	t.Parallel()
	w := start(t)
	answer(t, w, func(d protocol.Delivery) protocol.Verdict {
		workflow, name := signal(t, d)
		if name == "refused" {
			return protocol.Verdict{Error: protocol.Errorf(protocol.CodeClosed, "it has ended")}
		}
		return protocol.Verdict{ID: workflow, Run: name}
	})
	client := w.other(t)
	v, err := client.Ask(t.Context(), "wf", protocol.SignalInput{Name: "taken"}, "request-1", false)
	must(t, err)
	if v.ID != "wf" || v.Run != "taken" {
		t.Errorf("got %+v, want that wf took it", v)
	}
	_, err = client.Ask(t.Context(), "wf", protocol.SignalInput{Name: "refused"}, "request-2", false)
	wantCode(t, err, protocol.CodeClosed)
}

// A client that was restarted asks with the same request ID. The answer to the first request went to nobody.
func TestAskingAgainIsAnswered(t *testing.T) {
	t.Parallel()
	w := start(t)
	tell(t, w.Store, "wf", "first", "request-1")
	answer(t, w, func(d protocol.Delivery) protocol.Verdict {
		_, name := signal(t, d)
		return protocol.Verdict{Run: name}
	})
	v, err := w.other(t).Ask(t.Context(), "wf", protocol.SignalInput{Name: "again"}, "request-1", false)
	must(t, err)
	if v.Run != "again" {
		t.Errorf("got %+v, want a verdict on the second request", v)
	}
}

func TestAskWithoutOwnerSaysThatTheRequestIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := w.Ask(ctx, "wf", protocol.SignalInput{Name: "x"}, "request-1", false)
		wantCode(t, err, protocol.CodeTimeout)
		if got := time.Since(begin); got != 3*time.Second {
			t.Errorf("it waited for %s, want 3s", got)
		}
		if got := w.held(t, ns.InboxStream(0)); got != 1 {
			t.Errorf("%d requests are stored, want 1", got)
		}
		begin = time.Now()
		_, err = w.Ask(t.Context(), "wf", protocol.SignalInput{Name: "x"}, "request-2", false)
		wantCode(t, err, protocol.CodeTimeout)
		if got := time.Since(begin); got != 15*time.Second {
			t.Errorf("without a deadline it waited for %s, want 15s", got)
		}
	})
}
