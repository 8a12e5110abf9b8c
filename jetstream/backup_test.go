package jetstream_test

import (
	"bytes"
	"testing"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// The description of an object that is kept while the object store is read leaves the place that will be read, for one that was. It is noted,
// and written where it is missing; that of an object whose chunks are not there is not.
func TestDescriptionsThatMove(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(chunk + 7)
	kept := put(t, w, data)
	state, err := w.State(t.Context(), "OBJ_"+ns.BlobStore())
	must(t, err)
	must(t, w.TouchBlob(t.Context(), kept))
	late := put(t, w, noise(3))
	found, err := w.Described(t.Context(), state.Last)
	must(t, err)
	if len(found) != 2 {
		t.Fatalf("%d descriptions were noted, want 2", len(found))
	}
	must(t, w.Redescribe(t.Context(), found)) // nothing is missing

	// As the restored stream is: it ends where the reading ended.
	stream, err := w.js.Stream(t.Context(), "OBJ_"+ns.BlobStore())
	must(t, err)
	end, err := stream.Info(t.Context())
	must(t, err)
	for seq := state.Last + 1; seq <= end.State.LastSeq; seq++ {
		_ = stream.DeleteMsg(t.Context(), seq) // some have been replaced
	}
	if _, err := w.BlobInfo(t.Context(), kept.Name); err == nil {
		t.Fatal("the description is still there")
	}
	must(t, w.Redescribe(t.Context(), found))
	got, err := get(t, w, kept)
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("the object is not what it was")
	}
	_, err = w.BlobInfo(t.Context(), late.Name)
	wantCode(t, err, protocol.CodeNotFound)
}

// Namespaces whose names begin alike are told apart, and what is removed is one of them.
func TestRemainsAreOfOneNamespace(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, name := range []protocol.Namespace{ns + "_HISTORY", ns + "_1"} {
		_, err := jetstream.Create(t.Context(), w.Conn(), name, jetstream.Options{Shards: 1})
		must(t, err)
	}
	r, err := jetstream.Find(w.Conn(), ns)
	must(t, err)
	streams, err := r.Streams(t.Context())
	must(t, err)
	if want := 3*w.Shards() + 2 + 6 + 1; len(streams) != want {
		t.Errorf("%d streams are of the namespace, want %d: %v", len(streams), want, streams)
	}
	must(t, r.Remove(t.Context()))
	for name, want := range map[protocol.Namespace]bool{ns: false, ns + "_HISTORY": true, ns + "_1": true} {
		_, err := w.js.Stream(t.Context(), name.HistoryStream(0))
		if there := err == nil; there != want {
			t.Errorf("%s is there: %v, want %v (%v)", name, there, want, err)
		}
	}
}
