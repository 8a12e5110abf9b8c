package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	ns = protocol.DefaultNamespace
	// quickSync keeps the tests off the disk's flushes: none of them cuts the power.
	quickSync = "1m"
	// patience is how long a test waits for what must happen. It is reached only when a test fails.
	patience = 20 * time.Second
)

// world is a server of the test's own with a namespace of one shard, and a plain client to look behind the store with.
type world struct {
	*jetstream.Store
	srv *embedded.Server
	js  natsjs.JetStream
}

func start(t *testing.T) *world {
	t.Helper()
	srv := serve(t)
	nc := connect(t, srv)
	store, err := jetstream.Create(t.Context(), nc, ns, jetstream.Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &world{Store: store, srv: srv, js: plain(t, nc)}
}

func serve(t *testing.T) *embedded.Server {
	t.Helper()
	return listening(t, t.TempDir(), "")
}

// listening serves what is in a directory, on an address if there is one.
func listening(t *testing.T, dir, address string) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: dir, Sync: quickSync, Listen: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

func connect(t *testing.T, srv *embedded.Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := srv.Conn(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func plain(t *testing.T, nc *nats.Conn) natsjs.JetStream {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// other is the same namespace over another connection, as another process has it.
func (w *world) other(t *testing.T, opts ...nats.Option) *jetstream.Store {
	t.Helper()
	store, err := jetstream.Open(t.Context(), connect(t, w.srv, opts...), ns)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// held is how many messages a stream holds.
func (w *world) held(t *testing.T, stream string) uint64 {
	t.Helper()
	s, err := w.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// next waits for a channel's next value.
func next[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatalf("%s did not come within %s", what, patience)
		panic("unreachable")
	}
}

// none fails the test if the channel holds a value.
func none[T any](t *testing.T, ch <-chan T, what string) {
	t.Helper()
	select {
	case v := <-ch:
		t.Errorf("%s came: %v", what, v)
	default:
	}
}

// must fails the test unless err is nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails the test unless err carries the code.
func wantCode(t *testing.T, err error, want protocol.Code) {
	t.Helper()
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("got error %v, want one of code %s", err, want)
	}
}
