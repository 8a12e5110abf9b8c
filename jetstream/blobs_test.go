package jetstream_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// chunk is how many bytes of a blob travel in a message.
const chunk = 1 << 20

// noise is incompressible and always the same.
func noise(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func put(t *testing.T, w *world, data []byte) protocol.Blob {
	t.Helper()
	b, err := w.PutBlob(t.Context(), bytes.NewReader(data))
	must(t, err)
	return b
}

func get(t *testing.T, w *world, b protocol.Blob) ([]byte, error) {
	t.Helper()
	r, err := w.GetBlob(t.Context(), b)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (w *world) objects(t *testing.T) natsjs.ObjectStore {
	t.Helper()
	o, err := w.js.ObjectStore(t.Context(), ns.BlobStore())
	must(t, err)
	return o
}

func (w *world) blobMessages(t *testing.T) uint64 {
	t.Helper()
	return w.held(t, "OBJ_"+ns.BlobStore())
}

func TestBlobComesBackWhole(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, size := range map[string]int{"empty": 0, "one byte": 1, "a chunk": chunk, "5 chunks": 5 * chunk, "9 chunks and a bit": 9*chunk + 17} {
		data := noise(size)
		b := put(t, w, data)
		sum := sha256.Sum256(data)
		if want := "sha256-" + hex.EncodeToString(sum[:]); b.Size != int64(size) || b.Name != want || "sha256-"+b.SHA256 != want {
			t.Errorf("%s: put says %+v, want %d of %s", name, b, size, want)
		}
		got, err := get(t, w, b)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Errorf("%s: got %d other bytes, want %d as stored", name, len(got), size)
		}
		raw, err := w.objects(t).GetBytes(t.Context(), b.Name) // as `nats object get` does
		must(t, err)
		if !bytes.Equal(raw, data) {
			t.Errorf("%s: the library gets %d other bytes, want %d", name, len(raw), size)
		}
	}
}

// What the library has stored can be read as well, in parts too, whatever its chunks.
func TestObjectOfTheLibrary(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(1 << 20)
	_, err := w.objects(t).Put(t.Context(), natsjs.ObjectMeta{Name: "file"}, iotest.HalfReader(bytes.NewReader(data)))
	must(t, err)
	sum := sha256.Sum256(data)
	b := protocol.Blob{Name: "file", Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	got, err := get(t, w, b)
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("it comes back as something else")
	}
	r, err := w.GetRange(t.Context(), b, 700_001, 99)
	must(t, err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[700_001:700_100]) {
		t.Errorf("a part of it comes back as %d other bytes, %v", len(got), err)
	}
}

// What a payload refers to must be what it referred to when history was written.
func TestDamagedBlobIsNotReadAsIfItWereWhole(t *testing.T) {
	t.Parallel()
	const size = 4 * chunk
	for name, damage := range map[string]func(*testing.T, *world, *protocol.Blob){
		"other bytes of the same size": overwrite(bytes.Repeat([]byte("x"), size)),
		"shorter":                      overwrite(noise(size - 1)),
		"a chunk lost":                 loseChunk(2),
		"the last chunk lost":          loseChunk(4),
		"another digest":               func(_ *testing.T, _ *world, b *protocol.Blob) { b.SHA256 = hex.EncodeToString(make([]byte, 32)) },
		"another size":                 func(_ *testing.T, _ *world, b *protocol.Blob) { b.Size++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			b := put(t, w, noise(size))
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
		_, err := w.objects(t).PutBytes(t.Context(), b.Name, data)
		must(t, err)
	}
}

// loseChunk removes one of the object's chunks behind the store's back.
func loseChunk(seq uint64) func(*testing.T, *world, *protocol.Blob) {
	return func(t *testing.T, w *world, _ *protocol.Blob) {
		t.Helper()
		s, err := w.js.Stream(t.Context(), "OBJ_"+ns.BlobStore())
		must(t, err)
		must(t, s.DeleteMsg(t.Context(), seq))
	}
}

func TestMissingBlobIsNotFound(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, err := w.GetBlob(t.Context(), protocol.Blob{Name: "never stored"})
	wantCode(t, err, protocol.CodeNotFound)
	if e := protocol.AsError(err); e.Hint == "" {
		t.Error("the error has no hint")
	}
	wantCode(t, w.TouchBlob(t.Context(), protocol.Blob{Name: "never stored"}), protocol.CodeNotFound)
}

// Any part can be read, also of a file whose chunks lie between those of others.
func TestRanges(t *testing.T) {
	t.Parallel()
	w := start(t)
	const size, others = 6<<20 + 1234, 4
	var group errgroup.Group
	blobs := make([]protocol.Blob, others)
	data := make([][]byte, others)
	for i := range others {
		data[i] = append(noise(size), byte(i))
		group.Go(func() (err error) {
			blobs[i], err = w.PutBlob(t.Context(), bytes.NewReader(data[i]))
			return err
		})
	}
	must(t, group.Wait())
	for i, b := range blobs {
		for _, r := range [][2]int64{
			{0, 1},
			{0, -1},
			{0, size + 1},
			{chunk, chunk},
			{chunk - 1, 2},
			{size, 1},
			{size - 3, 100},
			{size + 1, -1},
			{size + 99, 5},
			{3_000_000, 0},
			{5_000_000, 1_000_000},
			{1, -1},
			{2<<20 + 7, 3 << 20},
		} {
			r, length := r[0], r[1]
			part, err := w.GetRange(t.Context(), b, r, length)
			must(t, err)
			got, err := io.ReadAll(part)
			must(t, err)
			must(t, part.Close())
			want := data[i][min(r, size+1):]
			if length >= 0 {
				want = want[:min(length, int64(len(want)))]
			}
			if !bytes.Equal(got, want) {
				t.Errorf("bytes %d+%d of blob %d are %d others, want %d", r, length, i, len(got), len(want))
			}
		}
	}
	_, err := w.GetRange(t.Context(), blobs[0], -1, 1)
	wantCode(t, err, protocol.CodeBadRequest)
}

// A part is not read from a file whose chunk is missing.
func TestRangeMissesItsChunk(t *testing.T) {
	t.Parallel()
	w := start(t)
	b := put(t, w, noise(8*chunk))
	loseChunk(5)(t, w, &b)
	r, err := w.GetRange(t.Context(), b, 4*chunk, 100)
	if err == nil {
		_, err = io.ReadAll(r)
	}
	wantCode(t, err, protocol.CodeCorrupt)
	r, err = w.GetRange(t.Context(), b, 5*chunk, 100)
	must(t, err)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, noise(8 * chunk)[5*chunk:][:100]) {
		t.Errorf("a part beside it is %d other bytes, %v", len(got), err)
	}
}
