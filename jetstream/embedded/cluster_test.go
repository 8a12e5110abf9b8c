package embedded_test

import (
	"context"
	"net"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream/embedded"
)

// freePorts are addresses that nobody listened on a moment ago.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	listeners, found := make([]net.Listener, n), make([]string, n)
	for i := range n { // all at once, or one would be given out twice
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed below
		if err != nil {
			t.Fatal(err)
		}
		listeners[i], found[i] = l, l.Addr().String()
	}
	for _, l := range listeners {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// eventually asks until there is an answer. A cluster that has no leader yet, or no longer, refuses or says nothing.
func eventually[T any](t *testing.T, ask func(context.Context) (T, error)) T {
	t.Helper()
	start := time.Now()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		got, err := ask(ctx)
		if err == nil {
			cancel()
			return got
		}
		<-ctx.Done()
		cancel()
		if time.Since(start) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

// What three servers acknowledged is still there when one of them is gone.
func TestClusterKeepsCopies(t *testing.T) {
	t.Parallel()
	addresses := freePorts(t, 3)
	var servers []*embedded.Server
	for i := range addresses {
		own := append([]string{addresses[i]}, append(addresses[:i:i], addresses[i+1:]...)...)
		servers = append(servers, start(t, embedded.Options{
			Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m", Cluster: own,
		}))
	}
	js, err := natsjs.New(connect(t, servers[2]))
	if err != nil {
		t.Fatal(err)
	}
	info := eventually(t, func(ctx context.Context) (natsjs.Stream, error) {
		return js.CreateStream(ctx, natsjs.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
	}).CachedInfo()
	if info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
		t.Fatalf("the stream lies on %+v, want a leader and two others", info.Cluster)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	servers[0].Close()
	s := eventually(t, func(ctx context.Context) (natsjs.Stream, error) { return js.Stream(ctx, "S") })
	if got := s.CachedInfo().State.Msgs; got != 1 {
		t.Errorf("%d messages are left, want 1", got)
	}
}

func TestWrongClustersAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, o := range []embedded.Options{
		{Dir: dir, Cluster: []string{"127.0.0.1:7000"}},
		{Dir: dir, Listen: "127.0.0.1:0", Cluster: []string{"127.0.0.1:0", "127.0.0.1:7001"}},
		{Dir: dir, Listen: "127.0.0.1:0", Cluster: []string{"127.0.0.1:7000", "elsewhere"}},
	} {
		wantRefusal(t, o, "", true)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	wantRefusal(t, embedded.Options{Dir: dir, Listen: "127.0.0.1:0", Cluster: []string{address}}, address+" is in use", false)
}
