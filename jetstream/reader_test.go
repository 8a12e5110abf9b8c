package jetstream_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// A reader whose consumer is gone goes on with another one, where it was: in the midst of a backlog, and when nothing comes.
func TestReaderGoesOn(t *testing.T) {
	t.Parallel()
	w := start(t)
	const messages = 400 // more than a reader asks for
	for i := range messages {
		tell(t, w.Store, "wf", "told", fmt.Sprint("told-", i))
	}
	inbox, err := w.js.Stream(t.Context(), ns.InboxStream(0))
	must(t, err)
	removeConsumers := func() {
		for c := range inbox.ListConsumers(t.Context()).Info() {
			must(t, inbox.DeleteConsumer(t.Context(), c.Name))
		}
	}
	var first sync.Once
	var seqs []uint64
	backlog, last := make(chan struct{}), make(chan struct{})
	stop, err := w.Inputs(t.Context(), 0, 0, func(d protocol.Delivery) {
		first.Do(removeConsumers)
		switch seqs = append(seqs, d.Seq); len(seqs) {
		case messages:
			close(backlog)
		case messages + 1:
			close(last)
		}
	})
	must(t, err)
	next(t, backlog, "the backlog")
	removeConsumers()
	tell(t, w.Store, "wf", "told", "told-last")
	next(t, last, "the last message")
	stop()
	if len(seqs) != messages+1 || !slices.IsSorted(seqs) || seqs[0] != 1 || seqs[messages] != messages+1 {
		t.Errorf("the messages came as %v", seqs)
	}
}
