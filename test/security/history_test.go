package security

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// gather waits for five signals.
func gather(ctx workflow.Context, _ string) (n int, err error) {
	for range 5 {
		s, err := workflow.Receive(ctx, finish)
		if err != nil {
			return n, err
		}
		n += len(s)
	}
	return n, nil
}

// A worker reads the histories of its own queue's runs, which may be too large for a task, and no others.
func TestHistoriesOfOneQueue(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	h.work("worker-q1", "q1", worker.Workflow(gather), worker.CacheSize(0))
	c := h.client("client", client.BlobThreshold(1<<20))
	run, err := client.Start(t.Context(), c, gather, "")
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Repeat("x", 900_000)
	for i := range 5 {
		if i == 4 { // it waits now, and its history is five messages long
			ask(t, h, run.ID(), run.RunID())
		}
		if err := client.Signal(t.Context(), c, run.ID(), finish, part); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := run.Wait(t.Context()); err != nil || n != 5*len(part) {
		t.Errorf("got %d, %v", n, err)
	}
	h.nothingRefused()
}

// ask asks for a history of q1 in the name of each queue.
func ask(t *testing.T, h *house, id, run string) {
	t.Helper()
	for user, queue := range map[string]string{"worker-q1": "q1", "second": "q2"} {
		nc := h.as(user)
		var page protocol.HistoryPage
		err := request(nc, queue, protocol.HistoryRequest{ID: id, Run: run}, &page)
		if queue == "q1" && (err != nil || len(page.Events) == 0) {
			t.Errorf("its own worker reads %d events, %v", len(page.Events), err)
		}
		if queue == "q2" && !errors.Is(err, protocol.ErrNotFound) {
			t.Errorf("the worker of another queue reads %d events, %v", len(page.Events), err)
		}
		if err := request(nc, queue, protocol.HistoryRequest{ID: id}, &page); !errors.Is(err, protocol.ErrNotFound) {
			t.Errorf("without a run the worker of %s gets %v", queue, err)
		}
	}
}

func request(nc *nats.Conn, queue string, in, out any) error {
	data, err := protocol.Marshal(in)
	if err != nil {
		return err
	}
	m, err := nc.Request(protocol.DefaultNamespace.API(protocol.HistoryOf(queue)), data, 10*time.Second)
	if err != nil {
		return err
	}
	var refused protocol.ErrorAnswer
	if err := protocol.Unmarshal(m.Data, &refused); err == nil && refused.Error != nil {
		return refused.Error
	}
	return protocol.Unmarshal(m.Data, out)
}
