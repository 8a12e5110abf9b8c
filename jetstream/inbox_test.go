package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

func tell(t *testing.T, s *jetstream.Store, workflow, signal, id string) {
	t.Helper()
	must(t, s.Tell(t.Context(), workflow, protocol.SignalInput{Name: signal}, id, ""))
}

// inputs reads the inbox from its first message. The channel holds more than any test sends.
func inputs(t *testing.T, s *jetstream.Store) (<-chan protocol.Delivery, func()) {
	t.Helper()
	ch := make(chan protocol.Delivery, 1000)
	stop, err := s.Inputs(t.Context(), 0, 0, func(d protocol.Delivery) { ch <- d })
	must(t, err)
	t.Cleanup(stop)
	return ch, stop
}

// signal decodes a delivery as the signal that it must be.
func signal(t *testing.T, d protocol.Delivery) (workflow, name string) {
	t.Helper()
	kind, workflow, err := ns.ParseInput(d.Subject)
	must(t, err)
	body, err := protocol.DecodeInput(kind, d.Data)
	must(t, err)
	s, ok := body.(protocol.SignalInput)
	if !ok {
		t.Fatalf("got a %T, want a signal", body)
	}
	return workflow, s.Name
}

func TestInputsComeInTheOrderTheyWereTold(t *testing.T) {
	t.Parallel()
	w := start(t)
	const before, after = 20, 20
	for i := range before {
		tell(t, w.Store, fmt.Sprintf("wf %d", i%3), strconv.Itoa(i), strconv.Itoa(i))
	}
	ch, _ := inputs(t, w.Store)
	for i := before; i < before+after; i++ {
		tell(t, w.Store, fmt.Sprintf("wf %d", i%3), strconv.Itoa(i), strconv.Itoa(i))
	}
	var last uint64
	for i := range before + after {
		d := next(t, ch, "an input")
		workflow, name := signal(t, d)
		if want := fmt.Sprintf("wf %d", i%3); workflow != want || name != strconv.Itoa(i) {
			t.Errorf("input %d is %s for %q, want %d for %q", i, name, workflow, i, want)
		}
		if d.Get(protocol.HeaderMsgID) != strconv.Itoa(i) || d.Time.IsZero() || d.Seq <= last {
			t.Errorf("input %d came with %q at %v, %d after %d", i, d.Get(protocol.HeaderMsgID), d.Time, d.Seq, last)
		}
		last = d.Seq
	}
}

func TestRepeatedRequestIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	tell(t, w.Store, "wf", "first", "request-1")
	tell(t, w.other(t), "wf", "again", "request-1")
	tell(t, w.Store, "wf", "other", "request-2")
	ch, _ := inputs(t, w.Store)
	for _, want := range []string{"first", "other"} {
		if _, got := signal(t, next(t, ch, "an input")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := w.held(t, ns.InboxStream(0)); got != 2 {
		t.Errorf("the inbox holds %d messages, want 2", got)
	}
}

// A node that takes over a shard reads what its predecessor had read and not released.
func TestNewReaderGetsWhatWasNotReleased(t *testing.T) {
	t.Parallel()
	w := start(t)
	for i := range 5 {
		tell(t, w.Store, "wf", strconv.Itoa(i), strconv.Itoa(i))
	}
	old, stop := inputs(t, w.Store)
	var handled uint64
	for i := range 5 {
		if d := next(t, old, "an input"); i == 2 {
			handled = d.Seq
		}
	}
	must(t, w.Release(t.Context(), 0, handled))
	stop()

	successor, _ := inputs(t, w.other(t))
	for _, want := range []string{"3", "4"} {
		if _, got := signal(t, next(t, successor, "an input")); got != want {
			t.Errorf("the successor got %s, want %s", got, want)
		}
	}
	tell(t, w.Store, "wf", "5", "5")
	if _, got := signal(t, next(t, successor, "an input")); got != "5" {
		t.Errorf("the successor got %s, want 5", got)
	}
	none(t, old, "an input for a reader that was stopped")
}

// A released request is still recognised: its client may not have heard that it was handled.
func TestReleasedRequestIsNotStoredAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	ch, _ := inputs(t, w.Store)
	tell(t, w.Store, "wf", "first", "request-1")
	must(t, w.Release(t.Context(), 0, next(t, ch, "an input").Seq))
	tell(t, w.Store, "wf", "again", "request-1")
	if got := w.held(t, ns.InboxStream(0)); got != 0 {
		t.Errorf("the inbox holds %d messages, want none", got)
	}
}

// The inbox is read in memory of the node: a burst beyond the read-ahead must neither be lost nor come out of order.
func TestBurstBeyondTheReadAheadIsDeliveredWhole(t *testing.T) {
	t.Parallel()
	const burst = 1200
	w := start(t)
	for i := range burst {
		tell(t, w.Store, "wf", strconv.Itoa(i), strconv.Itoa(i))
	}
	got := make(chan string)
	stop, err := w.Inputs(t.Context(), 0, 0, func(d protocol.Delivery) { got <- d.Get(protocol.HeaderMsgID) })
	must(t, err)
	for i := range burst {
		if id := next(t, got, "an input"); id != strconv.Itoa(i) {
			t.Fatalf("input %d is %s", i, id)
		}
	}
	stop()
}

// What is sent together and waited for together is stored in the order of the calls, and what is sent again is stored once.
func TestSentInputsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := start(t)
	const n = 200
	for try := range 2 {
		var acks []func(context.Context) error
		for i := range n {
			acks = append(acks, w.Send("wf", protocol.SignalInput{Name: strconv.Itoa(i)}, strconv.Itoa(i)))
		}
		for _, ack := range acks {
			if err := ack(t.Context()); errors.Is(err, protocol.ErrRepeated) != (try > 0) {
				t.Fatalf("try %d: %v", try, err)
			}
		}
	}
	tell(t, w.Store, "wf", "last", "last")
	ch, _ := inputs(t, w.Store)
	for i := range n {
		if _, name := signal(t, next(t, ch, "an input")); name != strconv.Itoa(i) {
			t.Fatalf("input %d is %s", i, name)
		}
	}
	if _, name := signal(t, next(t, ch, "the last input")); name != "last" {
		t.Errorf("%s is stored twice", name)
	}
}

// What was handled is removed, and nothing beyond it, also after messages at the end were removed by themselves.
func TestReleaseLeavesWhatFollows(t *testing.T) {
	t.Parallel()
	w := start(t)
	for n := range 2 {
		tell(t, w.Store, "wf", "told", fmt.Sprint("told-", n))
	}
	must(t, w.RemoveInput(t.Context(), 0, 2))
	must(t, w.Release(t.Context(), 0, 1))
	for n := range 2 {
		tell(t, w.Store, "wf", "told", fmt.Sprint("told-later-", n))
	}
	must(t, w.Release(t.Context(), 0, 3))
	gone, last, err := w.InboxBounds(t.Context(), 0)
	must(t, err)
	if gone != 3 || last != 4 {
		t.Errorf("the inbox is gone up to %d and ends with %d, want 3 and 4", gone, last)
	}
	ch, _ := inputs(t, w.Store)
	if d := next(t, ch, "the last input"); d.Seq != 4 {
		t.Errorf("input %d comes, want 4", d.Seq)
	}
}
