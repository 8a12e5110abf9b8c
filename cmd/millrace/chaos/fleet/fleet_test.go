package fleet_test

import (
	"os"
	"strings"
	"testing"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator/client"
)

func greet(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	nc, err := f.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c, err := client.New(nc, client.DefaultQueue("chaos"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := client.Start(t.Context(), c, Greet, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := run.Wait(t.Context()); got != "Hello Ada" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A fleet works, and works again after all of it was killed, or frozen.
func TestFleet(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts nine processes, twice")
	}
	f := start(t, fleet.Options{})
	greet(t, f)
	leader, followers, err := f.Leader(t.Context(), "MR_default_TASKS")
	if err != nil || len(followers) != 2 {
		t.Fatalf("%v leads %v: %v", leader, followers, err)
	}
	for _, p := range f.Processes() {
		p.Kill()
	}
	restore(t, f)
	greet(t, f)
	for _, p := range f.Nodes {
		if err := p.Freeze(); err != nil {
			t.Fatal(err)
		}
	}
	restore(t, f)
	greet(t, f)
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

// A process that ends by itself is noticed.
func TestCheck(t *testing.T) {
	t.Parallel()
	f, err := fleet.Start(t.Context(), fleet.Options{Dir: t.TempDir(), Command: thisBinary, Servers: 1, Nodes: 1, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(f.Workers[0].PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	f.Workers[0].Wait()
	if err := f.Check(); err == nil || !strings.Contains(err.Error(), "worker-0 ended by itself (signal: killed)") {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err == nil {
		t.Error("the end of the fleet says nothing")
	}
}

func restore(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	if err := f.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A fleet on somebody's NATS leaves nothing there.
func TestForeignNATS(t *testing.T) {
	t.Parallel()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	f := start(t, fleet.Options{URL: srv.URL(), Namespace: "mine", Nodes: 2, Workers: 1})
	if len(f.Servers) != 0 || f.Shards() != 8 {
		t.Errorf("the fleet has %d servers and %d shards, want none and 8", len(f.Servers), f.Shards())
	}
	if err := f.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(f.Look())
	if err != nil {
		t.Fatal(err)
	}
	left := js.StreamNames(t.Context())
	for name := range left.Name() {
		t.Errorf("the stream %s is left", name)
	}
	if left.Err() != nil {
		t.Error(left.Err())
	}
}

// What cannot go through a link is refused.
func TestForeignURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"tls://example.com:4222", "nats://user:secret@%zz"} {
		f, err := fleet.Start(t.Context(), fleet.Options{Dir: t.TempDir(), Command: thisBinary, URL: url})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
