package durable

import (
	"log/slog"
	"net"
	"testing"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

// A node lives on while its server is started anew without the end of a history. What it has in memory speaks of records that are gone: it
// notices when a sequence is given out for the second time, and takes the shard anew. Everything that is left ends.
func TestNodeOutlivesALoss(t *testing.T) {
	t.Parallel()
	dir, listen := t.TempDir(), freePort(t)
	serve := func() *embedded.Server {
		srv, err := embedded.Start(embedded.Options{Dir: dir, Listen: listen, Sync: "10000h"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(srv.Close)
		return srv
	}
	srv := serve()
	log := &record{}
	node, err := orchestrator.Attach(t.Context(), connect(t, srv.URL()), orchestrator.Options{
		Shards: 1, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &rig.Engine{Server: node, Dir: dir}
	t.Cleanup(func() { e.Halt(t) })
	stop := e.Work(t, work()...)
	const n = 20
	for i := range n {
		rig.Run(t, e, Order, i, client.ID(orderID(i)))
	}
	for i := range n {
		e.Await(t, orderID(i), "TimerFired")
	}
	stop()
	srv.Close()
	damageLast(t, dir, "MR_default_HISTORY_0", func(data []byte) []byte { return data[:len(data)/2] })
	serve()

	e.Work(t, work()...)
	gone := 0
	for i := range n {
		err := approveIt(t.Context(), e.Client(), i)
		if p := protocol.AsError(err); p != nil && p.Code == protocol.CodeNotFound {
			gone++
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		got, err := client.Get[int](e.Client(), orderID(i), "").Wait(t.Context())
		if err != nil || got != result(i) {
			t.Errorf("%s ends with %d, %v", orderID(i), got, err)
		}
	}
	if gone == n {
		t.Error("everything is gone: the test tests nothing")
	}
	rig.Until(t, "an alarm", func() bool { return log.has("the shard is taken anew") })
}

// freePort finds a port for a server that comes back on it.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
