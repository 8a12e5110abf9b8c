package embedded_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream/embedded"
)

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// stream is a file stream of the server, made if it is missing.
func stream(t *testing.T, nc *nats.Conn) (natsjs.JetStream, natsjs.Stream) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateOrUpdateStream(t.Context(), natsjs.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	return js, s
}

func connect(t *testing.T, srv *embedded.Server) *nats.Conn {
	t.Helper()
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// wantRefusal fails the test unless Start refuses the options with the given reason and a hint.
func wantRefusal(t *testing.T, o embedded.Options, reason string, misuse bool) {
	t.Helper()
	srv, err := embedded.Start(o)
	if err == nil {
		srv.Close()
		t.Errorf("%+v: the server started, want a refusal", o)
		return
	}
	var e *embedded.Error
	if !errors.As(err, &e) || !strings.Contains(e.Reason, reason) || e.Hint == "" || e.Misuse != misuse {
		t.Errorf("%+v: got %#v, want a reason with %q and a hint; misuse: %v", o, err, reason, misuse)
	}
}

// Two servers on the same files would destroy them.
func TestSecondServerInADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, embedded.Options{Dir: dir})
	wantRefusal(t, embedded.Options{Dir: dir}, "another process uses the data directory "+dir, false)
	wantRefusal(t, embedded.Options{Dir: dir + "/../" + filepath.Base(dir)}, "another process uses", false)
	if _, err := connect(t, first).RTT(); err != nil {
		t.Errorf("the first server suffered: %v", err)
	}
	first.Close()
	start(t, embedded.Options{Dir: dir})
}

func TestDataSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "if missing")
	for run := range uint64(3) {
		srv := start(t, embedded.Options{Dir: dir})
		js, s := stream(t, connect(t, srv))
		if got := s.CachedInfo().State.Msgs; got != run {
			t.Errorf("run %d finds %d messages, want %d", run, got, run)
		}
		if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
			t.Fatal(err)
		}
		srv.Close()
	}
}

func TestListenAcceptsConnections(t *testing.T) {
	t.Parallel()
	srv := start(t, embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if !strings.HasPrefix(srv.URL(), "nats://127.0.0.1:") || strings.HasSuffix(srv.URL(), ":0") {
		t.Errorf("the URL is %q, want a port of 127.0.0.1", srv.URL())
	}
	remote, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.Close)
	js, _ := stream(t, remote)
	if _, err := js.Publish(t.Context(), "s", nil); err != nil {
		t.Error(err)
	}
	if _, s := stream(t, connect(t, srv)); s.CachedInfo().State.Msgs != 1 {
		t.Error("what was published over the socket cannot be seen from within")
	}
}

func TestWithoutListenNobodyOutsideCanConnect(t *testing.T) {
	t.Parallel()
	srv := start(t, embedded.Options{Dir: t.TempDir()})
	if got := srv.URL(); got != "" {
		t.Errorf("the URL is %q, want none", got)
	}
	if got, want := connect(t, srv).MaxPayload(), int64(8<<20); got != want {
		t.Errorf("a message may have %d bytes, want %d", got, want)
	}
}

func TestPortInUseIsRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	dir, address := t.TempDir(), l.Addr().String()
	wantRefusal(t, embedded.Options{Dir: dir, Listen: address}, address+" is in use", false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.Options{Dir: dir}) // the refused one let go of the directory
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, o := range []embedded.Options{
		{},
		{Dir: dir, Listen: "4222"},
		{Dir: dir, Listen: "127.0.0.1:http"},
		{Dir: dir, Sync: "often"},
		{Dir: dir, Sync: "-1s"},
		{Dir: dir, Sync: "0s"},
	} {
		wantRefusal(t, o, "", true)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, embedded.Options{Dir: file}, "cannot make the data directory", false)
	locked := filepath.Join(dir, "locked")
	if err := os.MkdirAll(filepath.Join(locked, "lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, embedded.Options{Dir: locked}, "cannot use the data directory", false)
}

func TestCloseTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	for _, sync := range []string{"", "always", "100ms"} {
		srv := start(t, embedded.Options{Dir: t.TempDir(), Sync: sync})
		connect(t, srv)
		srv.Close()
		srv.Close()
		if nc, err := srv.Conn(nats.MaxReconnects(0)); err == nil {
			nc.Close()
			t.Error("a closed server accepted a connection")
		}
	}
}
