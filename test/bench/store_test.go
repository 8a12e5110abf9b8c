package bench_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	queue = "bench"
	// never is when the benchmarks' server flushes: never, for what is measured is the engine's work and not the disk's.
	never = "10000h"
)

// store is a namespace of one shard on a server of its own.
func store(b *testing.B) *jetstream.Store {
	b.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: b.TempDir(), Sync: never})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(srv.Close)
	nc := conn(b, srv.Conn)
	s, err := jetstream.Create(b.Context(), nc, protocol.DefaultNamespace, jetstream.Options{Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func conn(b *testing.B, connect func(...nats.Option) (*nats.Conn, error)) *nats.Conn {
	b.Helper()
	nc, err := connect()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	return nc
}

// BenchmarkAppend stores a record by compare-and-set, after the one before it.
func BenchmarkAppend(b *testing.B) {
	s, record := store(b), hello(b)[0]
	record.Workflow, record.Run, record.Nonce = order, "run", "nonce"
	data, err := protocol.Marshal(record)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	var last uint64
	for b.Loop() {
		if last, err = s.Append(b.Context(), 0, record, data, last); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInbox tells a workflow something through its shard's inbox, until the owner has it.
func BenchmarkInbox(b *testing.B) {
	s, arrived := store(b), make(chan struct{}, 1)
	stop, err := s.Inputs(b.Context(), 0, 0, func(protocol.Delivery) { arrived <- struct{}{} })
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	for b.Loop() {
		if err := s.Tell(b.Context(), order, protocol.SignalInput{Name: "poke"}, nats.NewInbox(), ""); err != nil {
			b.Fatal(err)
		}
		<-arrived
	}
}

// BenchmarkTask puts an activity on a queue, until a worker has taken and acknowledged it.
func BenchmarkTask(b *testing.B) {
	s, done := store(b), make(chan error, 1)
	p, err := s.PullTasks(b.Context(), protocol.TaskActivity, queue, jetstream.PullOptions{Slots: 1}, func(t *jetstream.Task) { done <- t.Ack() })
	if err != nil {
		b.Fatal(err)
	}
	defer p.Stop(context.Background())
	event := int64(0)
	for b.Loop() {
		event++
		task := protocol.ActivityTask{Workflow: order, Run: "run", ScheduledID: event, Queue: queue, Type: "bench.Greet", Attempt: 1}
		if err := s.DispatchActivity(task)(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
