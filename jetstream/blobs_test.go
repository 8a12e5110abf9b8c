package jetstream_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// noise is incompressible and always the same.
func noise(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func put(t *testing.T, w *world, name string, data []byte) protocol.Blob {
	t.Helper()
	b, err := w.PutBlob(t.Context(), name, bytes.NewReader(data))
	must(t, err)
	return b
}

func get(t *testing.T, w *world, b protocol.Blob) ([]byte, error) {
	t.Helper()
	r, err := w.GetBlob(t.Context(), b)
	must(t, err)
	defer r.Close()
	return io.ReadAll(r)
}

func TestBlobComesBackWhole(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, size := range map[string]int{"empty": 0, "one byte": 1, "5 MiB": 5 << 20} {
		data := noise(size)
		b := put(t, w, name, data)
		if sum := sha256.Sum256(data); b.Size != int64(size) || b.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: put says %d bytes of %s, want %d of %x", name, b.Size, b.SHA256, size, sum)
		}
		got, err := get(t, w, b)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Errorf("%s: got %d other bytes, want %d as stored", name, len(got), size)
		}
	}
}

// What a payload refers to must be what it referred to when history was written.
func TestDamagedBlobIsNotReadAsIfItWereWhole(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for name, damage := range map[string]func(*testing.T, *world, *protocol.Blob){
		"other bytes of the same size": overwrite(bytes.Repeat([]byte("x"), size)),
		"shorter":                      overwrite(noise(size - 1)),
		"a chunk lost":                 loseChunk,
		"another digest":               func(_ *testing.T, _ *world, b *protocol.Blob) { b.SHA256 = hex.EncodeToString(make([]byte, 32)) },
		"another size":                 func(_ *testing.T, _ *world, b *protocol.Blob) { b.Size++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			b := put(t, w, "blob", noise(size))
			damage(t, w, &b)
			_, err := get(t, w, b)
			wantCode(t, err, protocol.CodeCorrupt)
		})
	}
}

// overwrite stores other bytes under the blob's name.
func overwrite(data []byte) func(*testing.T, *world, *protocol.Blob) {
	return func(t *testing.T, w *world, b *protocol.Blob) {
		t.Helper()
		put(t, w, b.Name, data)
	}
}

// loseChunk removes the object's second chunk behind the store's back.
func loseChunk(t *testing.T, w *world, _ *protocol.Blob) {
	t.Helper()
	s, err := w.js.Stream(t.Context(), "OBJ_"+ns.BlobStore())
	must(t, err)
	must(t, s.DeleteMsg(t.Context(), 2))
}

func TestMissingBlobIsNotFound(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, err := w.GetBlob(t.Context(), protocol.Blob{Name: "never stored"})
	wantCode(t, err, protocol.CodeNotFound)
	if e := protocol.AsError(err); e.Hint == "" {
		t.Error("the error has no hint")
	}
}
