package jetstream

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// Left are the tasks that lie before where the consumer of their queue is, as long as it does not know all of them to be in work.
func TestLeftTasks(t *testing.T) {
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
	s, err := Create(t.Context(), nc, protocol.DefaultNamespace, Options{Shards: 4})
	if err != nil {
		t.Fatal(err)
	}
	const queue, gone = "a queue", 4 * time.Second
	activity := func(run string) {
		t.Helper()
		task := protocol.ActivityTask{Workflow: "wf", Run: run, ScheduledID: 5, Attempt: 1, Queue: queue}
		if err := s.DispatchActivity(task)(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	call := protocol.QueuedWorkflowTask{Workflow: "wf", Run: "left", ScheduledID: 2}
	if err := s.DispatchWorkflow(queue, call)(t.Context()); err != nil {
		t.Fatal(err)
	}
	activity("left")
	// A consumer that delivers once and not again goes past what is not acknowledged, as one of a cluster past what it has left out.
	begin := func(kind protocol.TaskKind) natsjs.Consumer {
		t.Helper()
		c, err := s.js.CreateConsumer(t.Context(), s.ns.TasksStream(), natsjs.ConsumerConfig{
			Durable: s.ns.TaskConsumer(kind, queue), FilterSubject: s.ns.QueueTasks(kind, queue), AckPolicy: natsjs.AckExplicitPolicy,
			AckWait: gone, MaxDeliver: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	take := func(c natsjs.Consumer) natsjs.Msg {
		t.Helper()
		m, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	expect := func(when string, want int) (left []protocol.LeftTask) {
		t.Helper()
		left, err := s.leftTasks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(left) != want {
			t.Fatalf("%s: %v is left, want %d tasks", when, left, want)
		}
		return left
	}
	expect("before there is a consumer", 0)
	activities, calls := begin(protocol.TaskActivity), begin(protocol.TaskWorkflow)
	expect("before they are delivered", 0)
	for _, c := range []natsjs.Consumer{activities, calls} {
		take(c)
	}
	expect("while they are in work", 0)
	var givenUp errgroup.Group
	for _, c := range []natsjs.Consumer{activities, calls} {
		givenUp.Go(func() error {
			if m, err := c.Next(natsjs.FetchMaxWait(gone + time.Second)); !errors.Is(err, nats.ErrTimeout) {
				return fmt.Errorf("%v came, %w", m, err)
			}
			return nil
		})
	}
	if err := givenUp.Wait(); err != nil {
		t.Fatal(err)
	}
	left := expect("two were left out", 2)
	for _, task := range left {
		is := task.Activity != nil && task.Activity.Run == "left" && task.Call == nil ||
			task.Call != nil && *task.Call == call && task.Activity == nil
		if !is || task.Queue != queue || task.Shard != s.shard("wf") || task.Seq == 0 {
			t.Errorf("%+v is left", task)
		}
	}
	activity("taken")
	activity("waits")
	m := take(activities)
	expect("one is in work", 3) // whoever asks its worker is told
	if err := m.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("it is done", 2)
	for _, task := range left {
		if task.Activity != nil {
			err = s.RemoveActivity(t.Context(), *task.Activity)
		} else {
			err = s.DispatchWorkflow(queue, *task.Call)(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("they are put there again", 0)
	if left, err := s.LeftTasks(t.Context()); err != nil || left != nil {
		t.Errorf("of one server %v is left, %v", left, err)
	}
}
