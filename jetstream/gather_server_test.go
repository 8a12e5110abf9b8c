package jetstream_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
)

// TestGatheredConnection: nothing is lost of what was published before the connection was closed, and it comes back after its server did.
func TestGatheredConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := listening(t, dir, "127.0.0.1:0")
	address := strings.TrimPrefix(srv.URL(), "nats://")
	lost, back := make(chan struct{}, 10), make(chan struct{}, 10)
	nc, err := nats.Connect(srv.URL(), jetstream.Gather(), nats.MaxReconnects(-1), nats.ReconnectWait(1), nats.ReconnectJitter(0, 0),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }), nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	srv.Close()
	await(t, lost)
	srv = listening(t, dir, address)
	await(t, back)

	heard := make(chan *nats.Msg, 10_000)
	listener := connect(t, srv)
	if _, err := listener.ChanSubscribe("gathered.>", heard); err != nil {
		t.Fatal(err)
	}
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}
	const n = 5_000
	large := strings.Repeat("x", 500_000)
	for i := range n {
		data := "small"
		if i%1_000 == 0 {
			data = large
		}
		if err := nc.Publish(fmt.Sprint("gathered.", i), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	nc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range n {
		select {
		case m := <-heard:
			if want := fmt.Sprint("gathered.", i); m.Subject != want {
				t.Fatalf("heard %s, want %s", m.Subject, want)
			}
		case <-ctx.Done():
			t.Fatalf("%d of %d arrived", i, n)
		}
	}
}

func listening(t *testing.T, dir, address string) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: dir, Sync: quickSync, Listen: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal("it did not happen")
	}
}
