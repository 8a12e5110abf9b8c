package durable

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

// A node lives on while its server is started anew without the end of a stream. What it has in memory speaks of what is gone. Everything that
// is left ends.
func TestNodeOutlivesALoss(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"MR_default_HISTORY_0", "MR_default_TASKS", "MR_default_TIMERS_0", "KV_MR_default_leases"} {
		t.Run(stream, func(t *testing.T) {
			t.Parallel()
			outlive(t, stream)
		})
	}
}

func outlive(t *testing.T, stream string) {
	t.Helper()
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
	defer e.Halt(t) // before the server
	stop := e.Work(t, work()...)
	const n = 20
	for i := range n {
		rig.Run(t, e, Order, i, client.ID(orderID(i)))
	}
	for i := range n {
		e.Await(t, orderID(i), "TimerFired")
	}
	stop()
	for i := range n / 2 { // half of them wait for a worker
		if err := approveIt(t.Context(), e.Client(), i); err != nil {
			t.Fatal(err)
		}
	}
	for i := n; i < n+n/2; i++ {
		rig.Run(t, e, Order, i, client.ID(orderID(i)))
	}
	srv.Close()
	damageLast(t, dir, stream, func(data []byte) []byte { return data[:len(data)/2] })
	serve()

	e.Work(t, work()...)
	lossy := strings.Contains(stream, "HISTORY") // what they were told may be lost
	gone := 0
	for i := range n + n/2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		var err error
		if lossy || i >= n/2 { // the others wait for a worker, and hear of nothing else
			err = approveIt(ctx, e.Client(), i)
		}
		if errors.Is(err, protocol.ErrNotFound) {
			gone++
			cancel()
			continue
		}
		var got int
		if err == nil || errors.Is(err, protocol.ErrClosed) {
			got, err = client.Get[int](e.Client(), orderID(i), "").Wait(ctx)
		}
		if err != nil || got != result(i) {
			t.Errorf("%s ends with %d, %v", orderID(i), got, err)
		}
		cancel()
	}
	switch {
	case gone == n+n/2:
		t.Error("everything is gone: the test tests nothing")
	case gone > 0 && !lossy:
		t.Errorf("%d runs are gone, and their histories were not touched", gone)
	}
	if lossy {
		rig.Until(t, "an alarm", func() bool { return log.has("ALARM") })
	}
	rig.Until(t, "the shard to be taken anew", func() bool { return log.has("taken anew") || log.has("taken by another node") })
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
