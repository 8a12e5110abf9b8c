package jetstream_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A reader to whom nothing comes, though the inbox has more, does not wait for a heartbeat that it does not hear: it goes on with another
// consumer, where it was.
func TestReaderDoesNotStall(t *testing.T) {
	t.Parallel()
	w := start(t)
	const messages = 400 // more than a reader asks for
	for i := range messages {
		tell(t, w.Store, "wf", "told", fmt.Sprint("told-", i))
	}
	inbox, err := w.js.Stream(t.Context(), ns.InboxStream(0))
	must(t, err)
	var first sync.Once
	seqs, done := []uint64{}, make(chan struct{})
	began := time.Now()
	stop, err := w.Inputs(t.Context(), 0, 0, func(d protocol.Delivery) {
		first.Do(func() {
			for c := range inbox.ListConsumers(t.Context()).Info() {
				_, err := inbox.PauseConsumer(t.Context(), c.Name, time.Now().Add(time.Hour))
				must(t, err)
			}
		})
		if seqs = append(seqs, d.Seq); len(seqs) == messages {
			close(done)
		}
	})
	must(t, err)
	next(t, done, "the last message")
	stop()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("that took %s", took)
	}
	if !slices.IsSorted(seqs) || seqs[0] != 1 || seqs[messages-1] != messages {
		t.Errorf("the messages came as %v", seqs)
	}
}
