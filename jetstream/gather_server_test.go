package jetstream_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
)

// TestGatheredConnection: what is published arrives, in order, and the connection comes back after its server did.
func TestGatheredConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := listening(t, dir, "127.0.0.1:0")
	address := strings.TrimPrefix(srv.URL(), "nats://")
	lost, back := make(chan struct{}, 10), make(chan struct{}, 10)
	nc, err := nats.Connect(srv.URL(), jetstream.Gather(), nats.MaxReconnects(-1), nats.ReconnectWait(1), nats.ReconnectJitter(0, 0),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }), nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	must(t, err)
	defer nc.Close()
	srv.Close()
	next(t, lost, "the loss of the connection")
	srv = listening(t, dir, address)
	next(t, back, "the connection")

	listener := connect(t, srv)
	heard, err := listener.SubscribeSync("gathered.>")
	must(t, err)
	must(t, listener.Flush())
	const n = 5_000
	large := strings.Repeat("x", 500_000)
	for i := range n {
		data := "small"
		if i%1_000 == 0 {
			data = large
		}
		must(t, nc.Publish(fmt.Sprint("gathered.", i), []byte(data)))
	}
	// Whoever wants a message to arrive flushes before closing, here as with any connection: a socket closed with something unread in it,
	// the answer to the reconnect's own flush for instance, is reset, and with it goes what the server had not read yet.
	must(t, nc.Flush())
	for i := range n {
		m, err := heard.NextMsg(patience)
		if err != nil {
			t.Fatalf("%d of %d arrived: %v", i, n, err)
		}
		if want := fmt.Sprint("gathered.", i); m.Subject != want {
			t.Fatalf("heard %s, want %s", m.Subject, want)
		}
	}
}
