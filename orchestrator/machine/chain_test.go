package machine

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// A record that does not follow the one before it means that stored data was damaged. It is refused with a code that quarantines the
// workflow, and the state stays as it was: going on would be acting as if nothing had happened.
func TestARecordThatDoesNotFollowIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage func(*protocol.Record)
		want   protocol.Code
	}{
		"newer version":        {func(r *protocol.Record) { r.Version++ }, protocol.CodeUnsupported},
		"another workflow":     {func(r *protocol.Record) { r.Workflow = "order-2" }, protocol.CodeCorrupt},
		"another run":          {func(r *protocol.Record) { r.Run = "run-9" }, protocol.CodeCorrupt},
		"a step left out":      {func(r *protocol.Record) { r.Step++ }, protocol.CodeCorrupt},
		"a broken chain":       {func(r *protocol.Record) { r.Prev = "0123" }, protocol.CodeCorrupt},
		"no events":            {func(r *protocol.Record) { r.Events = nil }, protocol.CodeCorrupt},
		"the first event gone": {func(r *protocol.Record) { r.Events = r.Events[1:] }, protocol.CodeCorrupt},
		"an event in between":  {func(r *protocol.Record) { r.Events[1].ID++ }, protocol.CodeCorrupt},
		"a start in an open run": {func(r *protocol.Record) {
			r.Step = 1
			r.Events = []protocol.Event{{ID: 1, Time: midnight, Attributes: protocol.WorkflowExecutionStarted{}}}
		}, protocol.CodeCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := begun(t, charge("1"))
			w.arrive(protocol.SignalInput{Name: "go"}, "")
			w.begin()
			r := w.turn.Decide(w.now).Record
			before := snapshot(w.w.Run)

			damaged := *r
			damaged.Events = append([]protocol.Event(nil), r.Events...)
			test.damage(&damaged)
			err := w.w.Apply(2, "", &damaged)
			if err == nil || protocol.AsError(err).Code != test.want || protocol.AsError(err).Hint == "" {
				t.Errorf("got error %v, want one with code %s and a hint", err, test.want)
			}
			if after := snapshot(w.w.Run); !reflect.DeepEqual(after, before) {
				t.Errorf("the refused record left traces:\n%v\nwas\n%v", after, before)
			}
			if err := w.w.Apply(2, "", r); err != nil {
				t.Errorf("the record itself is refused: %v", err)
			}
		})
	}
}

// A history begins with a start.
func TestAHistoryThatBeginsInTheMiddleIsRefused(t *testing.T) {
	t.Parallel()
	w := begun(t)
	w.arrive(protocol.SignalInput{Name: "go"}, "")
	decide(t, w)
	for i, entry := range w.records {
		var r protocol.Record
		if err := json.Unmarshal(entry.Data, &r); err != nil {
			t.Fatal(err)
		}
		r.Step = int64(i + 1)
		if i == 0 {
			r.Events = r.Events[1:]
		}
		if err := New(workflowID).Apply(entry.Seq, "", &r); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeCorrupt {
			t.Errorf("record %d without what comes before it: got %v, want code corrupt", i+1, err)
		}
	}
}

// Whoever reads the latest run finds its first record without a search.
func TestARecordNamesTheFirstOfItsRun(t *testing.T) {
	t.Parallel()
	w := begun(t, protocol.CompleteWorkflowExecution{})
	w.start("request-2", 0)
	first := answer(t, w).Record
	w.arrive(protocol.SignalInput{Name: "go"}, "")
	second := answer(t, w).Record
	if first.First != 0 || second.First != 2 {
		t.Errorf("got first records %d and %d, want none and 2", first.First, second.First)
	}
}

// What an earlier run consumed is not taken again when it comes again: only the latest run is read, so that must know. A termination has
// no request ID by which it would be known otherwise, and would end the wrong run.
func TestARunKnowsWhatWasConsumedBeforeIt(t *testing.T) {
	t.Parallel()
	w := begun(t)
	ended := w.arrive(protocol.TerminateInput{}, "")
	decide(t, w)
	w.start("request-2", 0)
	w.waiting[0].Seq = 0 // it comes directly
	answer(t, w)
	first := w.w.Run.First
	read := New(workflowID)
	for _, entry := range w.records {
		var r protocol.Record
		if err := json.Unmarshal(entry.Data, &r); err != nil {
			t.Fatal(err)
		}
		if entry.Seq < first {
			continue
		}
		if err := read.Apply(entry.Seq, protocol.Digest(entry.Data), &r); err != nil {
			t.Fatal(err)
		}
	}
	if !read.Consumed(ended.Seq) {
		t.Errorf("input %d was consumed by the run before, and the last one consumed is said to be %d", ended.Seq, read.LastInput)
	}
}
