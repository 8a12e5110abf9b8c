package jetstream_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// A store without room says so, takes nothing, and takes the same file when there is room again.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]func(*testing.T) *world{"server": smallServer, "stream": smallStream} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := limited(t)
			first := put(t, w, noise(6<<20))
			other := append(noise(6<<20), 1)
			_, err := w.PutBlob(t.Context(), bytes.NewReader(other))
			wantCode(t, err, protocol.CodeUnavailable)
			if e := protocol.AsError(err); e.Hint == "" || !strings.Contains(e.Message, "no room") {
				t.Errorf("it says %q, hint %q", e.Message, e.Hint)
			}
			_, err = w.PutBytes(t.Context(), other)
			wantCode(t, err, protocol.CodeUnavailable)
			must(t, w.DeleteBlob(t.Context(), infoOf(t, w, first)))
			if n := w.blobMessages(t); n != 0 {
				t.Errorf("%d messages are left", n)
			}
			got, err := get(t, w, put(t, w, other))
			must(t, err)
			if !bytes.Equal(got, other) {
				t.Error("it comes back as something else")
			}
		})
	}
}

func smallServer(t *testing.T) *world {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: quickSync, MaxStore: 10 << 20})
	must(t, err)
	t.Cleanup(srv.Close)
	nc := connect(t, srv)
	store, err := jetstream.Create(t.Context(), nc, ns, jetstream.Options{Shards: 1})
	must(t, err)
	return &world{Store: store, srv: srv, js: plain(t, nc)}
}

func smallStream(t *testing.T) *world {
	t.Helper()
	w := start(t)
	s, err := w.js.Stream(t.Context(), "OBJ_"+ns.BlobStore())
	must(t, err)
	c := s.CachedInfo().Config
	c.MaxBytes = 10 << 20
	_, err = w.js.UpdateStream(t.Context(), c)
	must(t, err)
	return w
}
