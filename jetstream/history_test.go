package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// record is a record of one event that the tests of storage need no more of; its nonce is its body too.
func record(workflow, nonce string) *protocol.Record {
	return &protocol.Record{Workflow: workflow, Run: "run", Step: 1, Nonce: nonce, Events: []protocol.Event{{ID: 1}}}
}

func write(t *testing.T, s *jetstream.Store, workflow, nonce string, expect uint64) uint64 {
	t.Helper()
	seq, err := s.Append(t.Context(), 0, record(workflow, nonce), []byte(nonce), expect)
	must(t, err)
	return seq
}

func bodies(t *testing.T, s *jetstream.Store, workflow string, from, to uint64) []string {
	t.Helper()
	var all []string
	for e, err := range s.Range(t.Context(), 0, workflow, from, to) {
		must(t, err)
		all = append(all, string(e.Data))
	}
	return all
}

func TestAppendIsRefusedWhenAnotherWasFirst(t *testing.T) {
	t.Parallel()
	w := start(t)
	first := write(t, w.Store, "wf", "first", 0)
	for _, expect := range []uint64{0, first + 1} {
		_, err := w.Append(t.Context(), 0, record("wf", "late"), []byte("late"), expect)
		wantCode(t, err, protocol.CodeConflict)
	}
	write(t, w.Store, "other", "unrelated", 0) // moves the stream's sequence on, not the subject's
	second := write(t, w.Store, "wf", "second", first)
	if got, want := fmt.Sprint(bodies(t, w.Store, "wf", 1, second)), "[first second]"; got != want {
		t.Errorf("history holds %s, want %s", got, want)
	}
}

func TestOneOfManyWritersWinsEachStep(t *testing.T) {
	t.Parallel()
	const writers, steps = 4, 50
	w := start(t)
	stores := make([]*jetstream.Store, writers)
	for i := range stores {
		stores[i] = w.other(t)
	}
	var last uint64
	for step := range steps {
		won := make([]uint64, writers)
		var race sync.WaitGroup
		for i, s := range stores {
			race.Go(func() {
				nonce := fmt.Sprintf("%d-%d", step, i)
				seq, err := s.Append(t.Context(), 0, record("wf", nonce), []byte(nonce), last)
				if err != nil && !errors.Is(err, protocol.ErrConflict) {
					t.Errorf("writer %d lost with %v, want a conflict", i, err)
				}
				won[i] = seq
			})
		}
		race.Wait()
		winners := 0
		for _, seq := range won {
			if seq != 0 {
				winners, last = winners+1, seq
			}
		}
		if winners != 1 {
			t.Fatalf("step %d has %d winners, want 1", step, winners)
		}
	}
	if got := len(bodies(t, w.Store, "wf", 1, last)); got != steps {
		t.Errorf("history holds %d records, want %d: a loser's was stored", got, steps)
	}
}

// A node that crashed after its append, or whose acknowledgement got lost, writes the same record again.
func TestAppendRecognisesItsOwnRecord(t *testing.T) {
	t.Parallel()
	w := start(t)
	want := write(t, w.Store, "wf", "mine", 0)
	if got := write(t, w.other(t), "wf", "mine", 0); got != want {
		t.Errorf("the record lies at %d, want %d as the first time", got, want)
	}
	if got := bodies(t, w.Store, "wf", 1, want); len(got) != 1 {
		t.Errorf("history holds %v, want the record once", got)
	}
}

// Two nodes can write the step that a worker foresaw, under the nonce that the worker made up. One of them wins, as ever, and the other one
// does not take the winner's record for its own.
func TestOneOfTwoWritersOfAForeseenStepWins(t *testing.T) {
	t.Parallel()
	w := start(t)
	stores := []*jetstream.Store{w.Store, w.other(t)}
	var last uint64
	for step := range 50 {
		r := record("wf", fmt.Sprintf("foreseen-%d", step))
		errs := make([]error, len(stores))
		seqs := make([]uint64, len(stores))
		var race sync.WaitGroup
		for i, s := range stores {
			race.Go(func() {
				seqs[i], errs[i] = s.Append(t.Context(), 0, r, fmt.Appendf(nil, "step %d of node %d", step, i), last)
			})
		}
		race.Wait()
		winner := slices.Index(errs, nil)
		if winner < 0 || !errors.Is(errs[1-winner], protocol.ErrConflict) {
			t.Fatalf("step %d went well here and there: %v", step, errs)
		}
		last = seqs[winner]
		if got, want := bodies(t, w.Store, "wf", last, last), fmt.Sprintf("step %d of node %d", step, winner); len(got) != 1 || got[0] != want {
			t.Fatalf("history holds %q, want %q", got, want)
		}
	}
}

func TestLastSeesOwnWrites(t *testing.T) {
	t.Parallel()
	w := start(t)
	e, err := w.Last(t.Context(), 0, "wf")
	if err != nil || e.Seq != 0 {
		t.Fatalf("an unknown workflow's last record is %v, %v; want none", e, err)
	}
	reader := w.other(t)
	for i := range 100 {
		nonce := strconv.Itoa(i)
		seq := write(t, w.Store, "wf", nonce, e.Seq)
		e, err = reader.Last(t.Context(), 0, "wf")
		if err != nil || e.Seq != seq || string(e.Data) != nonce {
			t.Fatalf("last is %q at %d, %v; want %q at %d", e.Data, e.Seq, err, nonce, seq)
		}
	}
}

func TestRangeReadsAllPagesInOrder(t *testing.T) {
	t.Parallel()
	const records = 600 // two full pages and a part
	w := start(t)
	seqs := make([]uint64, 0, records)
	var last uint64
	for i := range records {
		last = write(t, w.Store, "wf", strconv.Itoa(i), last)
		seqs = append(seqs, last)
		if i%100 == 0 {
			write(t, w.Store, fmt.Sprint("neighbour-", i), "not yours", 0)
		}
	}
	for _, c := range []struct{ from, to int }{{0, 599}, {0, 255}, {0, 256}, {100, 511}, {599, 599}, {300, 299}} {
		got := bodies(t, w.Store, "wf", seqs[c.from], seqs[c.to])
		if len(got) != c.to-c.from+1 {
			t.Errorf("%d to %d: %d records, want %d", c.from, c.to, len(got), c.to-c.from+1)
		}
		for i, body := range got {
			if want := strconv.Itoa(c.from + i); body != want {
				t.Fatalf("%d to %d: record %d is %s, want %s", c.from, c.to, i, body, want)
			}
		}
	}
	if got := len(bodies(t, w.Store, "wf", 1, last+1000)); got != records {
		t.Errorf("beyond the end: %d records, want %d", got, records)
	}
}

// The server ends a page early when it grows too large. A reader that takes a short page for the last one loses the rest of the
// history without a word.
func TestRangeReadsOnAfterAPageCutShort(t *testing.T) {
	t.Parallel()
	const records = 7 // of 3 MB each; a page ends at 8 MiB
	w := start(t)
	large := bytes.Repeat([]byte("x"), 3_000_000)
	var last uint64
	for i := range records {
		var err error
		last, err = w.Append(t.Context(), 0, record("wf", strconv.Itoa(i)), large, last)
		must(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience) // 20 MB take their time under the race detector
	defer cancel()
	got := 0
	for e, err := range w.Range(ctx, 0, "wf", 1, last) {
		must(t, err)
		if len(e.Data) != len(large) {
			t.Errorf("record %d has %d bytes, want %d", e.Seq, len(e.Data), len(large))
		}
		got++
	}
	if got != records {
		t.Errorf("got %d records, want %d", got, records)
	}
}

// A history that ends early must never look like one that ends.
func TestRangeThatIsInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	w := start(t)
	var last uint64
	for i := range 3 {
		last = write(t, w.Store, "wf", strconv.Itoa(i), last)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	var failed error
	for _, err := range w.Range(ctx, 0, "wf", 1, last) {
		failed = err
	}
	wantCode(t, failed, protocol.CodeTimeout)
}

// The middle of an answer can be lost while its end arrives, over a connection that was made anew.
func TestRangeMissesNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	want := []string{"one", "two", "three", "four"}
	for _, lost := range want[:3] {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			var last uint64
			for _, nonce := range want {
				last = write(t, w.Store, "without "+lost, nonce, last)
			}
			s := &sieve{drop: "\r\n\r\n" + lost + "\r\n"}
			if got := bodies(t, w.other(t, s.through), "without "+lost, 1, last); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if s.drop != "" {
				t.Error("nothing was lost")
			}
		})
	}
}

func TestAppendTooLargeIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, err := w.Append(t.Context(), 0, record("wf", "n"), make([]byte, w.Conn().MaxPayload()+1), 0)
	wantCode(t, err, protocol.CodeTooLarge)
	if e := protocol.AsError(err); e.Hint == "" {
		t.Error("the refusal has no hint")
	}
}

// What a server without a copy that can be opened says of a stream, that nobody leads it, does not hide what the leader says.
func TestALeaderIsHeardBesideOneWhoKnowsNone(t *testing.T) {
	t.Parallel()
	w := start(t)
	seq, err := w.Append(t.Context(), 0, record("wf", "n1"), []byte(`{"inputs":[7]}`), 0)
	must(t, err)
	const knowsNone = `{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`
	broken := connect(t, w.srv)
	var asked atomic.Int32
	for _, calls := range []string{"STREAM.MSG.GET.*", "STREAM.INFO.*", "CONSUMER.CREATE.>"} {
		_, err = broken.Subscribe("$JS.API."+calls, func(m *nats.Msg) {
			asked.Add(1)
			_ = m.Respond([]byte(knowsNone))
		})
		must(t, err)
	}
	must(t, broken.Flush())
	for range 100 {
		last, err := w.Last(t.Context(), 0, "wf")
		must(t, err)
		if last.Seq != seq {
			t.Fatalf("the last record is %d, want %d", last.Seq, seq)
		}
		if upTo, err := w.Consumed(t.Context(), 0, 1); err != nil || upTo != 7 {
			t.Fatalf("the records consumed up to %d, %v, want 7", upTo, err)
		}
		stop, err := w.Inputs(t.Context(), 0, 0, func(protocol.Delivery) {})
		must(t, err)
		stop()
	}
	if asked.Load() == 0 {
		t.Error("the other was not asked")
	}
}
