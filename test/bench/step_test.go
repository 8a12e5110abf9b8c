package bench_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const order = "order-42"

var began = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// take takes one step: an input comes, a worker answers with commands, and the record is applied.
func take(tb testing.TB, w *machine.Workflow, seq uint64, body protocol.InputBody, commands ...protocol.CommandAttributes) *protocol.Record {
	tb.Helper()
	in := protocol.Input{Seq: seq, Time: began, Workflow: order, ID: "request-" + strconv.FormatUint(seq, 10), Body: body}
	turn := w.Begin([]protocol.Input{in}, "nonce-"+strconv.FormatUint(seq, 10), began)
	turn.Task(began)
	answer := &protocol.WorkflowTaskAnswer{Worker: "ada"}
	for _, c := range commands {
		answer.Commands = append(answer.Commands, protocol.Command{Attributes: c})
	}
	ready := turn.Answer(answer, began)
	if ready.Record == nil {
		tb.Fatalf("no record: %+v", ready)
	}
	if err := w.Apply(seq, "", ready.Record); err != nil {
		tb.Fatal(err)
	}
	if w.Effects(ready.Record).Row == nil {
		tb.Fatal("the step has no row")
	}
	return ready.Record
}

// hello takes the two steps of a workflow with one activity.
func hello(tb testing.TB) []*protocol.Record {
	tb.Helper()
	w := machine.New(order)
	name := protocol.Payload{Data: []byte(`"Ada"`)}
	first := take(tb, w, 1, protocol.StartInput{Type: "bench.Hello", Queue: "bench", Run: "run", RequestID: "request-1", Input: name},
		protocol.ScheduleActivityTask{ActivityID: "1", ActivityType: "bench.Greet", Input: name})
	scheduled := first.Events[len(first.Events)-1].ID
	second := take(tb, w, 2, protocol.ActivityResult{Run: "run", ScheduledID: scheduled, Attempt: 1, Worker: "ada", Result: name},
		protocol.CompleteWorkflowExecution{Result: name})
	if w.Run.Status != protocol.StatusCompleted {
		tb.Fatalf("the run is %s", w.Run.Status)
	}
	return []*protocol.Record{first, second}
}

// BenchmarkMachine takes the two steps of a hello.
func BenchmarkMachine(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		hello(b)
	}
}

// BenchmarkFold reads a workflow from its two records, as a new owner does.
func BenchmarkFold(b *testing.B) {
	records := hello(b)
	b.ReportAllocs()
	for b.Loop() {
		w := machine.New(order)
		for i, r := range records {
			if err := w.Apply(uint64(i+1), "", r); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEncodeRecord writes the record of a hello's first step, and BenchmarkDecodeRecord reads it.
func BenchmarkEncodeRecord(b *testing.B) {
	record := hello(b)[0]
	b.ReportAllocs()
	for b.Loop() {
		data, err := protocol.Marshal(record)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	data, err := protocol.Marshal(hello(b)[0])
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var r protocol.Record
		if err := protocol.Unmarshal(data, &r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReplay replays a chain of 1,000 activities, as a worker does that knows nothing of the run.
func BenchmarkReplay(b *testing.B) {
	same := workflow.NewActivity[int, int]("Same")
	w := replaytest.New(workflow.Program(func(ctx workflow.Context, n int) (int, error) {
		for i := range n {
			if _, err := same.Do(ctx, i); err != nil {
				return i, err
			}
		}
		return n, nil
	}, nil))
	defer w.Close()
	w.Start(1000)
	for w.Step(); !w.Closed(); w.Step() {
		w.Complete(w.Activities()[0].ID, 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		run := replay.New(w.Program)
		if a := run.Step(w.History); a.Failure != nil {
			b.Fatal(a.Failure)
		}
		run.Close()
	}
	b.ReportMetric(float64(len(w.History)*b.N)/b.Elapsed().Seconds(), "events/s")
}
