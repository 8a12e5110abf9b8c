package bench

import (
	"reflect"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	workflow = "5e3d4d63-3daf-4fab-a16d-824b53611fc2"
	run      = "01a20b0f-3e2b-7927-9b12-05468ed395ee"
	host     = "host-24399-6abd43fd"
)

var (
	now   = time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC)
	ada   = protocol.Payload{Data: []byte(`"Ada"`)}
	hello = protocol.Payload{Data: []byte(`"Hello Ada"`)}
)

// events are those of a hello's first step.
var events = []protocol.Event{
	{ID: 1, Time: now, Attributes: protocol.WorkflowExecutionStarted{
		WorkflowID: workflow, WorkflowType: "bench.Hello", Queue: "bench", Input: ada, RunID: run,
		RequestID: "5e3d4d63-3daf-4fab-a16d-824b53611fc3", Identity: "4711@host",
	}},
	{ID: 2, Time: now, Attributes: protocol.WorkflowTaskScheduled{
		Queue: "bench", Timeout: protocol.Duration(10 * time.Second), Attempt: 1,
	}},
	{ID: 3, Time: now, Attributes: protocol.WorkflowTaskStarted{ScheduledID: 2, Identity: host}},
	{ID: 4, Time: now, Attributes: protocol.WorkflowTaskCompleted{ScheduledID: 2, StartedID: 3, Identity: host, SDK: "go/0.1.0"}},
	{ID: 5, Time: now, Attributes: protocol.ActivityTaskScheduled{
		ActivityID: "1", ActivityType: "bench.Greet", Queue: "bench", Input: ada,
		RetryPolicy: protocol.RetryPolicy{}.Normalize(), TaskCompletedID: 4,
	}},
}

// messages are what a hello sends and stores, roughly in this order.
var messages = []any{
	protocol.StartInput{
		Type: "bench.Hello", ID: workflow, Queue: "bench", Input: ada, Run: run,
		RequestID: "5e3d4d63-3daf-4fab-a16d-824b53611fc3", Identity: "4711@host",
	},
	protocol.WorkflowTask{
		Workflow: workflow, Run: run, Type: "bench.Hello", Queue: "bench", Attempt: 1, Nonce: run,
		Events: events[:3], Timeout: protocol.Duration(10 * time.Second),
	},
	protocol.WorkflowTaskAnswer{Worker: host, SDK: "go/0.1.0", Commands: []protocol.Command{{Attributes: protocol.ScheduleActivityTask{
		ActivityID: "1", ActivityType: "bench.Greet", Queue: "bench", Input: ada,
	}}}},
	protocol.Record{
		Version: protocol.RecordVersion, Workflow: workflow, Run: run, Step: 1, Nonce: run, Time: now, Events: events,
	},
	protocol.Row{
		ID: workflow, Run: run, Type: "bench.Hello", Queue: "bench", Status: protocol.StatusRunning, Started: now, HistoryLength: 5,
	},
	protocol.ActivityTask{
		Workflow: workflow, Run: run, WorkflowType: "bench.Hello", ScheduledID: 5, ActivityID: "1", Type: "bench.Greet", Queue: "bench",
		Input: ada, Attempt: 1, ScheduledTime: now,
	},
	protocol.ActivityResult{Run: run, ScheduledID: 5, Attempt: 1, Worker: host, Started: now, Result: hello},
	protocol.Verdict{ID: workflow, Run: run, Outcome: &protocol.Outcome{
		ID: workflow, Run: run, Status: protocol.StatusCompleted, Result: hello,
	}},
	protocol.Outcome{ID: workflow, Run: run, Status: protocol.StatusCompleted, Result: hello},
}

func BenchmarkMarshal(b *testing.B) {
	each(b, func(v any, _ []byte) error {
		_, err := protocol.Marshal(v)
		return err
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	each(b, func(v any, data []byte) error {
		return protocol.Unmarshal(data, reflect.New(reflect.TypeOf(v)).Interface())
	})
}

// each runs f with every message and its JSON, and then in a goroutine that does nothing else: such a goroutine has to grow its stack
// first, and most messages are handled by one.
func each(b *testing.B, f func(v any, data []byte) error) {
	b.Helper()
	for _, m := range messages {
		data, err := protocol.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		name := reflect.TypeOf(m).Name()
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(m, data); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/goroutine", func(b *testing.B) {
			done := make(chan error)
			for b.Loop() {
				go func() { done <- f(m, data) }()
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
