package jetstream

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// A consumer leaves messages out without a word, as those of a cluster do now and then: the reader notices when the next message comes, or
// when it hears that the consumer has come to the end. What was removed is not missed.
func TestReaderLooksIntoGaps(t *testing.T) {
	t.Parallel()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s, err := Create(t.Context(), nc, protocol.DefaultNamespace, Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	tell := func(n int) {
		t.Helper()
		for range n {
			told++
			if err := s.Tell(t.Context(), "wf", protocol.SignalInput{Name: "s"}, fmt.Sprint("told-", told), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	seqs := make(chan uint64, 100)
	r := &reader{
		s: s, stream: s.ns.InboxStream(0), filter: s.ns.Inputs(0), next: 1, careful: true,
		handle: func(d protocol.Delivery) { seqs <- d.Seq },
	}
	if err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	comes := func(want ...uint64) {
		t.Helper()
		var got []uint64
		for range want {
			select {
			case seq := <-seqs:
				got = append(got, seq)
			case <-time.After(10 * time.Second):
				t.Fatalf("%v came, want %v", got, want)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v came, want %v", got, want)
		}
	}
	leaveOut := func(next uint64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.next = next
	}
	tell(4)
	comes(1, 2, 3, 4)
	leaveOut(3)
	tell(1)
	comes(3, 4, 5)

	leaveOut(4)
	end := nats.NewMsg("")
	end.Header.Set("Status", "100")
	end.Header.Set("Nats-Last-Stream", "5")
	r.mu.Lock()
	inbox := r.inbox
	r.mu.Unlock()
	r.receive(inbox, end)
	comes(4, 5)

	leaveOut(4)
	for _, seq := range []uint64{4, 5} {
		if err := s.RemoveInput(t.Context(), 0, seq); err != nil {
			t.Fatal(err)
		}
	}
	tell(1)
	comes(6)
}
