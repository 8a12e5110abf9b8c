package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// The same bytes are stored once, by whomever, and are then as new.
func TestSameContentIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(3 << 20)
	b := put(t, w, data)
	before, held := infoOf(t, w, b), w.blobMessages(t)
	var group errgroup.Group
	for range 5 {
		group.Go(func() error {
			c, err := w.PutBlob(t.Context(), bytes.NewReader(data))
			if c != b {
				t.Errorf("it is %+v, want %+v", c, b)
			}
			return err
		})
		group.Go(func() error {
			c, err := w.PutBytes(t.Context(), data)
			if c != b {
				t.Errorf("it is %+v, want %+v", c, b)
			}
			return err
		})
	}
	must(t, group.Wait())
	if n := w.blobMessages(t); n != held {
		t.Errorf("the stream holds %d messages, want %d", n, held)
	}
	if after := infoOf(t, w, b); after.Revision <= before.Revision || !after.Stored.After(before.Stored) {
		t.Errorf("it was stored again and is still %+v", after)
	}
	got, err := get(t, w, b)
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("it comes back as something else")
	}
}

func infoOf(t *testing.T, w *world, b protocol.Blob) jetstream.BlobInfo {
	t.Helper()
	info, err := w.BlobInfo(t.Context(), b.Name)
	must(t, err)
	return info
}

// Who stores the same bytes again mends what was lost of them.
func TestStoringAgainMends(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(4 * chunk)
	b := put(t, w, data)
	loseChunk(2)(t, w, &b)
	if again := put(t, w, data); again != b {
		t.Errorf("it is %+v, want %+v", again, b)
	}
	got, err := get(t, w, b)
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("it comes back as something else")
	}
	if n := w.blobMessages(t); n != 5 {
		t.Errorf("the stream holds %d messages, want 4 chunks and what describes them", n)
	}
}

// What does not come to its end leaves nothing.
func TestFailedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	broken := errors.New("the source broke")
	_, err := w.PutBlob(t.Context(), io.MultiReader(bytes.NewReader(noise(6<<20)), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want what the source says", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = w.PutBlob(ctx, io.MultiReader(bytes.NewReader(noise(6<<20)), readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	r, pipe := io.Pipe()
	go func() {
		_, _ = pipe.Write(noise(3 << 20)) // and nothing more
		cancel()
	}()
	if _, err = w.PutBlob(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
	if n := w.blobMessages(t); n != 0 {
		t.Errorf("the stream holds %d messages", n)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// What a killed program leaves is found when it is old enough, and what is whole is not.
func TestDeadUploads(t *testing.T) {
	t.Parallel()
	w := start(t)
	b := put(t, w, noise(1<<20))
	for i, subject := range []string{"dead", "dead", "other"} {
		_, err := w.js.Publish(t.Context(), "$O."+ns.BlobStore()+".C."+subject, []byte{byte(i)})
		must(t, err)
	}
	if young, err := w.DeadUploads(t.Context(), time.Hour); err != nil || len(young) != 0 {
		t.Errorf("of an hour ago there are %+v, %v", young, err)
	}
	dead, err := w.DeadUploads(t.Context(), 0)
	must(t, err)
	chunks := map[string]int{}
	for _, u := range dead {
		chunks[u.ID] = u.Chunks
		must(t, w.DeleteUpload(t.Context(), u))
	}
	if len(chunks) != 2 || chunks["dead"] != 2 || chunks["other"] != 1 {
		t.Errorf("found %+v", dead)
	}
	if dead, err = w.DeadUploads(t.Context(), 0); err != nil || len(dead) != 0 {
		t.Errorf("after that there are %+v, %v", dead, err)
	}
	if _, err := get(t, w, b); err != nil {
		t.Errorf("the whole blob is read with %v", err)
	}
}

// A blob is deleted as it was seen, and not when it was stored again meanwhile.
func TestDeleteComparesAndSets(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(1 << 20)
	b := put(t, w, data)
	seen := infoOf(t, w, b)
	put(t, w, data)
	wantCode(t, w.DeleteBlob(t.Context(), seen), protocol.CodeConflict)
	if _, err := get(t, w, b); err != nil {
		t.Errorf("it is read with %v", err)
	}
	seen = infoOf(t, w, b)
	must(t, w.TouchBlob(t.Context(), b))
	wantCode(t, w.DeleteBlob(t.Context(), seen), protocol.CodeConflict)
	seen = infoOf(t, w, b)
	must(t, w.DeleteBlob(t.Context(), seen))
	_, err := get(t, w, b)
	wantCode(t, err, protocol.CodeNotFound)
	if n := w.blobMessages(t); n != 0 {
		t.Errorf("the stream holds %d messages", n)
	}
	wantCode(t, w.DeleteBlob(t.Context(), seen), protocol.CodeConflict)
	if put(t, w, data) != b {
		t.Error("stored again it is another")
	}
	got, err := get(t, w, b)
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("it comes back as something else")
	}
}

// However the two meet, a blob that was just stored is there, and whole.
func TestDeleteMeetsStore(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(600 << 10)
	for range 30 {
		b := put(t, w, data)
		seen := infoOf(t, w, b)
		var group errgroup.Group
		group.Go(func() error {
			if err := w.DeleteBlob(t.Context(), seen); protocol.AsError(err) != nil && protocol.AsError(err).Code != protocol.CodeConflict {
				return err
			}
			return nil
		})
		group.Go(func() error {
			_, err := w.PutBlob(t.Context(), bytes.NewReader(data))
			return err
		})
		must(t, group.Wait())
		got, err := get(t, w, b)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Fatal("it comes back as something else")
		}
	}
}

func TestBlobsAreListed(t *testing.T) {
	t.Parallel()
	w := start(t)
	for b, err := range w.Blobs(t.Context()) {
		t.Errorf("an empty store has %+v, %v", b, err)
	}
	const count = 1200 // more than are read at once
	var group errgroup.Group
	group.SetLimit(100)
	for i := range count {
		group.Go(func() error {
			_, err := w.PutBytes(t.Context(), []byte{byte(i), byte(i >> 8)})
			return err
		})
	}
	must(t, group.Wait())
	first := true
	names := map[string]bool{}
	for b, err := range w.Blobs(t.Context()) {
		must(t, err)
		if b.Size != 2 || time.Since(b.Stored) > patience || b.Revision == 0 {
			t.Fatalf("listed is %+v", b)
		}
		if first {
			must(t, w.DeleteBlob(t.Context(), b))
			first = false
		}
		names[b.Name] = true
	}
	if len(names) != count {
		t.Errorf("%d are listed, want %d", len(names), count)
	}
	for b, err := range w.Blobs(t.Context()) {
		must(t, err)
		delete(names, b.Name)
		if len(names) == 10 {
			break
		}
	}
}
