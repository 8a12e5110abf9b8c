package jetstream_test

import (
	"context"
	"net"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// cluster is a namespace of one shard with three copies of everything, seen from one of the three servers.
func cluster(t *testing.T) *world {
	t.Helper()
	worlds, _ := clusterOf(t)
	return worlds[2]
}

// clusterOf is cluster seen from each of the servers, and what each was started with.
func clusterOf(t *testing.T) ([]*world, []embedded.Options) {
	t.Helper()
	const n = 3
	listeners, addresses := make([]net.Listener, n), make([]string, n)
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed below
		must(t, err)
		listeners[i], addresses[i] = l, l.Addr().String()
	}
	for _, l := range listeners {
		must(t, l.Close())
	}
	worlds, options := make([]*world, n), make([]embedded.Options, n)
	var nodes errgroup.Group
	for i := range addresses {
		own := append([]string{addresses[i]}, append(addresses[:i:i], addresses[i+1:]...)...)
		options[i] = embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: quickSync, Cluster: own}
		srv, err := embedded.Start(options[i])
		must(t, err)
		t.Cleanup(srv.Close)
		worlds[i] = &world{srv: srv, js: plain(t, connect(t, srv))}
	}
	for _, w := range worlds { // at once, and before the servers have found each other
		nc := connect(t, w.srv)
		nodes.Go(func() (err error) {
			w.Store, err = jetstream.Create(t.Context(), nc, ns, jetstream.Options{Shards: 1, Replicas: n})
			return err
		})
	}
	must(t, nodes.Wait())
	return worlds, options
}

// In a cluster a reader may be given a copy that lags. What was stored before the reading began is found all the same, from whichever
// server.
func TestReferencesInACluster(t *testing.T) {
	t.Parallel()
	w := cluster(t)
	var last uint64
	for round := 1; round <= 10; round++ {
		for i := range 20 {
			r := record("wf", strconv.Itoa(20*round+i))
			r.Blobs = []string{objectOf(r.Nonce)}
			seq, err := w.Append(t.Context(), 0, r, []byte(r.Nonce), last)
			must(t, err)
			last = seq
			must(t, w.DispatchActivity(protocol.ActivityTask{
				Queue: "q", Run: r.Nonce, ScheduledID: 5, Attempt: 1, ActivityID: objectOf(r.Nonce),
			})(context.WithoutCancel(t.Context())))
		}
		for _, place := range []protocol.Place{protocol.PlaceTasks, protocol.PlaceHistory} {
			if got := referred(t, w, place); len(got) != 20*round {
				t.Fatalf("round %d: %d of the %d references in the %s are found", round, len(got), 20*round, place)
			}
		}
	}
}
