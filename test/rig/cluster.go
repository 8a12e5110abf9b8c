package rig

import (
	"net"
	"testing"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
)

// Cluster runs three servers until the test ends, which keep copies of each other's streams, and returns a connection to one of them once
// they have found each other.
func Cluster(t *testing.T) *nats.Conn {
	t.Helper()
	const n = 3
	listeners, addresses := make([]net.Listener, n), make([]string, n)
	for i := range n { // all at once, or one would be given out twice
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed below
		if err != nil {
			t.Fatal(err)
		}
		listeners[i], addresses[i] = l, l.Addr().String()
	}
	for _, l := range listeners {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var last *embedded.Server
	for i := range addresses {
		own := append([]string{addresses[i]}, append(addresses[:i:i], addresses[i+1:]...)...)
		srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: noSync, Cluster: own})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(srv.Close)
		last = srv
	}
	nc, err := last.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	Until(t, "a leader of the cluster", func() bool {
		_, err := js.AccountInfo(t.Context())
		return err == nil
	})
	return nc
}

// Beside runs a node on a NATS that is there, until the test ends.
func Beside(t *testing.T, nc *nats.Conn, change ...func(*orchestrator.Options)) *Engine {
	t.Helper()
	o := orchestrator.Options{Logger: Logger(t)}
	for _, f := range change {
		f(&o)
	}
	srv, err := orchestrator.Attach(t.Context(), nc, o)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{Server: srv}
	t.Cleanup(func() { e.Halt(t) })
	return e
}
