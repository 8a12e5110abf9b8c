package jetstream_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// leads is who leads a stream.
func leads(ctx context.Context, t *testing.T, js natsjs.JetStream, stream string) string {
	t.Helper()
	for {
		s, err := js.Stream(ctx, stream)
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
		if err == nil && s.CachedInfo().Cluster.Leader != "" && answers(js, stream) {
			return s.CachedInfo().Cluster.Leader
		}
	}
}

// answers reports whether the leader of a stream says what is in it.
func answers(js natsjs.JetStream, stream string) bool {
	m, err := js.Conn().Request("$JS.API.STREAM.MSG.GET."+stream, []byte(`{"last_by_subj":">"}`), time.Second)
	return err == nil && !bytes.Contains(m.Data, []byte(`"error"`))
}

// lead has a server lead a stream.
func lead(ctx context.Context, t *testing.T, w *world, stream, server string) {
	t.Helper()
	nc := w.js.Conn()
	for leads(ctx, t, w.js, stream) != server {
		// Nobody answers while there is no leader.
		_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, []byte(`{"placement":{"preferred":"`+server+`"}}`), time.Second)
	}
}

// flip changes a bit in the middle of a stream's first file.
func flip(t *testing.T, dir, stream string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", stream, "msgs", "1.blk"))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("the files of %s are not in %s", stream, dir)
	}
	data, err := os.ReadFile(found[0])
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(found[0], data, 0o600))
}

// What one of three copies has lost is read from another, through whichever server.
func TestWhatOneCopyHasLostIsReadFromAnother(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a cluster, and a server that is started anew")
	}
	const n, size = 24, 1 << 20
	worlds, options := clusterOf(t)
	stream := "OBJ_" + ns.BlobStore()
	blobs := make(map[protocol.Blob][]byte, n)
	random := rand.NewChaCha8([32]byte{})
	for range n {
		data := make([]byte, size)
		_, _ = random.Read(data)
		b, err := worlds[0].PutBytes(t.Context(), data)
		must(t, err)
		blobs[b] = data
	}

	damaged, dir := worlds[0].js.Conn().ConnectedServerName(), options[0].Dir
	killed := t.TempDir() // a server that ends in good order writes down what it has
	must(t, os.CopyFS(killed, os.DirFS(dir)))
	worlds[0].srv.Close()
	options[0].Dir = killed
	flip(t, killed, stream)
	srv, err := embedded.Start(options[0])
	must(t, err)
	t.Cleanup(srv.Close)
	nc := connect(t, srv)
	store, err := jetstream.Open(t.Context(), nc, ns)
	must(t, err)
	w := &world{Store: store, srv: srv, js: plain(t, connect(t, srv))}
	lead(t.Context(), t, w, stream, damaged)

	for b, data := range blobs {
		r, err := w.GetBlob(t.Context(), b)
		must(t, err)
		got, err := io.ReadAll(r)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Fatalf("%s is not what was stored", b.Name)
		}
	}
	if leader := leads(t.Context(), t, w.js, stream); leader == damaged {
		t.Error("nothing was lost")
	}
}
