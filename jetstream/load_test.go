package jetstream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

func begin(id string) protocol.StartInput {
	return protocol.StartInput{ID: id, Type: "T", Queue: "q", Run: "run-" + id, RequestID: id}
}

// crowded is a namespace without a node, in whose inbox lies as much as may.
func crowded(t *testing.T) *world {
	t.Helper()
	const most = 8
	w := start(t)
	must(t, w.SetMaxBacklog(t.Context(), most))
	for i := range most {
		id := fmt.Sprint("wf-", i)
		must(t, w.Send(id, begin(id), id)(t.Context()))
	}
	return w
}

// Where no node takes anything, a start is not stored in an inbox that is full. What runs are told is.
func TestStartsAreNotStoredInAFullInbox(t *testing.T) {
	t.Parallel()
	w := crowded(t)
	_, err := w.Ask(t.Context(), "new", begin("new"), "new", false)
	wantCode(t, err, protocol.CodeBusy)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = w.Ask(ctx, "wf-0", protocol.SignalInput{Name: "s", RequestID: "s"}, "s", false)
	wantCode(t, err, protocol.CodeTimeout)
	if n := w.held(t, ns.InboxStream(0)); n != 9 {
		t.Errorf("%d messages lie in the inbox, want the starts and the signal", n)
	}
	must(t, w.Release(t.Context(), 0, 5))
	<-time.After(time.Second) // for as long a look counts
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = w.Ask(ctx, "new", begin("new"), "new", false)
	wantCode(t, err, protocol.CodeTimeout)
	if n := w.held(t, ns.InboxStream(0)); n != 5 {
		t.Errorf("%d messages lie in the inbox, want what was left and the start", n)
	}
}

// An owner that is slow may have taken the start. Then the inbox does not matter: its verdict counts.
func TestVerdictOfASlowOwnerCountsWhenTheInboxIsFull(t *testing.T) {
	t.Parallel()
	w := crowded(t)
	replies := make(chan string, 1)
	stop, err := w.Directs(0, func(d protocol.Delivery, _ uint64) bool {
		replies <- d.Reply
		return true
	})
	must(t, err)
	defer stop()
	answered := make(chan error, 1)
	go func() {
		_, err := w.Ask(t.Context(), "new", begin("new"), "new", false)
		answered <- err
	}()
	reply := next(t, replies, "the start")
	<-time.After(3 * time.Second) // longer than the sender's patience
	none(t, answered, "an answer that nobody gave")
	must(t, w.Reply(reply, protocol.Verdict{ID: "new", Run: "run-new"}))
	must(t, next(t, answered, "the verdict"))
	if n := w.held(t, ns.InboxStream(0)); n != 8 {
		t.Errorf("%d messages lie in the inbox: the start was stored as well", n)
	}
}

// The load is what lies in the streams; the task that is always there does not count.
func TestLoad(t *testing.T) {
	t.Parallel()
	w := crowded(t)
	dispatch(t, w.Store, "a")
	l, err := w.Load(t.Context())
	must(t, err)
	if l.Inboxes[0].Messages != 8 || l.Tasks.Messages != 1 || l.MaxBacklog != 8 || l.Stored == 0 || l.MaxStored != 0 {
		t.Errorf("the load is %+v", l)
	}
	at, err := w.Time(t.Context())
	must(t, err)
	if off := time.Since(at).Abs(); off > 10*time.Second {
		t.Errorf("the server's time is %v off", off)
	}
}
