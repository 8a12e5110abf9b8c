package jetstream_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// letters reads every dead letter.
func letters(t *testing.T, w *world) (all []protocol.DeadLetter) {
	t.Helper()
	for d, err := range w.DeadLetters(t.Context()) {
		must(t, err)
		all = append(all, d)
	}
	return all
}

// What cannot be given up would be tried for ever: a dead letter fits, whatever the message and its subject were.
func TestDeadLetterAlwaysFits(t *testing.T) {
	t.Parallel()
	w := start(t)
	most := w.MaxMessage()
	random := make([]byte, most-100)
	_, err := rand.Read(random)
	must(t, err)
	text := bytes.Repeat([]byte(`{"signal":"paid"}`), most/17-10)
	long := ns.Input(0, protocol.KindSignal, strings.Repeat("日", 333))
	for _, d := range []protocol.Delivery{
		{Subject: long, Data: text},
		{Subject: long, Data: random},
		{Subject: long, Data: []byte("x"), Header: map[string][]string{"Huge": {strings.Repeat("h", most-2000)}}},
		{Subject: "any", Data: []byte("x")},
	} {
		must(t, w.DeadLetter(t.Context(), d, protocol.Errorf(protocol.CodeBadRequest, "%s", strings.Repeat("why ", 10_000))))
	}
	all := letters(t, w)
	if len(all) != 4 {
		t.Fatalf("%d dead letters, want 4", len(all))
	}
	for i, want := range []struct {
		body []byte
		cut  bool
	}{{text, false}, {nil, true}, {[]byte("x"), true}, {[]byte("x"), false}} {
		d := all[i]
		if d.Cut != want.cut || want.body != nil && !bytes.Equal(d.Body, want.body) || d.Code != protocol.CodeBadRequest || len(d.Reason) > 2000 {
			t.Errorf("letter %d is cut: %t, %d of %d bytes, %s", d.Seq, d.Cut, len(d.Body), d.Size, d.Code)
		}
	}
	if all[1].Size != len(random) {
		t.Errorf("a message that was cut had %d bytes, want %d", all[1].Size, len(random))
	}
	if d := all[0]; d.Subject != long || d.Workflow != strings.Repeat("日", 333) || d.Shard == nil || *d.Shard != 0 {
		t.Errorf("got %.40q of %.40q", d.Subject, d.Workflow)
	}
	if _, err := w.RetryDeadLetter(t.Context(), all[1]); !errors.Is(err, protocol.ErrTooLarge) {
		t.Errorf("the retry of one that was cut: %v", err)
	}
}

// A task that waits on its subject is not put there twice, and what belongs to nobody but nodes is not sent at all.
func TestRetryOfTasks(t *testing.T) {
	t.Parallel()
	w := start(t)
	task := protocol.ActivityTask{Workflow: "wf", Run: "run", ScheduledID: 5, Attempt: 1, Queue: "q"}
	subject := ns.ActivityTask("q", "run", 5, 1)
	data, err := protocol.Marshal(task)
	must(t, err)
	must(t, w.DeadLetter(t.Context(), protocol.Delivery{Subject: subject, Data: data}, errors.New("why")))
	must(t, w.DeadLetter(t.Context(), protocol.Delivery{Subject: subject, Data: data}, errors.New("why")))
	must(t, w.DeadLetter(t.Context(), protocol.Delivery{Subject: ns.History(0, "wf"), Data: data}, errors.New("why")))
	all := letters(t, w)
	for i, want := range []protocol.RetryOutcome{protocol.RetrySent, protocol.RetryThere} {
		if r, err := w.RetryDeadLetter(t.Context(), all[i]); err != nil || r.Outcome != want || !r.Settled() {
			t.Errorf("the retry of letter %d came to %+v, %v, want %s", all[i].Seq, r, err, want)
		}
	}
	if r, err := w.RetryDeadLetter(t.Context(), all[2]); protocol.AsError(err) == nil || r.Outcome != "" {
		t.Errorf("a record was sent again: %+v", r)
	}
	got, err := w.QueuedActivity(t.Context(), "q", "run", 5)
	if err != nil || got == nil || got.Workflow != "wf" {
		t.Errorf("on the queue is %+v, %v", got, err)
	}
	must(t, w.RemoveDeadLetter(t.Context(), all[2].Seq))
	if err := w.RemoveDeadLetter(t.Context(), all[2].Seq); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

// What cannot be read in a bucket stops nobody.
func TestUnreadableEntries(t *testing.T) {
	t.Parallel()
	w := start(t)
	put := func(bucket, key, value string) {
		_, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: "$KV." + ns.Bucket(bucket) + "." + key, Data: []byte(value)})
		must(t, err)
	}
	put("leases", "shard.0", "{broken")
	put("leases", "shard.x", "{}")
	put("nodes", "node-1", `{"id":"somebody else"}`)
	put("nodes", "node-2", "{broken")
	put("workers", "q.w", `{"id":"`+strings.Repeat("x", 10_000)+`","queue":"q"}`)
	put("runs", "a.b", "[]")
	leases, err := w.Leases(t.Context())
	if l := leases[0]; err != nil || l.Node != "" || l.Revision == 0 || len(leases) != 1 {
		t.Errorf("leases %+v, %v, want one that nobody holds, with a revision", leases, err)
	}
	if _, err := w.Acquire(t.Context(), 0, protocol.Lease{Node: "me"}, leases[0].Revision); err != nil {
		t.Errorf("a lease that cannot be read cannot be taken: %v", err)
	}
	if nodes, err := w.Nodes(t.Context()); err != nil || len(nodes) != 0 {
		t.Errorf("nodes %+v, %v", nodes, err)
	}
	if workers, err := w.LiveWorkers(t.Context(), ""); err != nil || len(workers) != 0 {
		t.Errorf("workers %+v, %v", workers, err)
	}
	for row, err := range w.Rows(t.Context()) {
		t.Errorf("a row %+v, %v", row, err)
	}
}

// Whoever asks names the subject that hears the answer: it must not be one of ours, nor cost the connection.
func TestReplySubjects(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, subject := range []string{ns.History(0, "wf"), "$JS.API.STREAM.DELETE.X", strings.Repeat("x", 5000), "a b", ""} {
		if err := w.Reply(subject, protocol.Verdict{}); err == nil {
			t.Errorf("a verdict was sent to %.40q", subject)
		}
	}
	if err := w.Reply("_INBOX.a", protocol.Verdict{}); err != nil {
		t.Error(err)
	}
}
