package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// A reading that loses its connection goes on where it was.
func TestReadingOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(9*chunk + 5)
	b := put(t, w, data)
	var l line
	r, err := w.other(t, l.through).GetBlob(t.Context(), b)
	must(t, err)
	defer r.Close()
	got := make([]byte, len(data))
	for part := range slices.Chunk(got, 3*chunk) {
		_, err := io.ReadFull(r, part)
		must(t, err)
		l.cut()
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || !bytes.Equal(got, data) {
		t.Errorf("it comes back as something else, %v", err)
	}
}

// What is in the middle of an answer can be lost and its end arrive nevertheless, over the connection that was made anew. The fourth
// chunk is no third one then.
func TestReadingMissesTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := noise(9*chunk + 5)
	b := put(t, w, data)
	s := &sieve{drop: "Mr-Chunk: 2\r\n"}
	r, err := w.other(t, s.through).GetBlob(t.Context(), b)
	must(t, err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes come back, %v; want the %d that were stored", len(got), err, len(data))
	}
	if s.drop != "" {
		t.Error("nothing was lost")
	}
}

// A reading over a connection that is closed for good says so.
func TestReadingOverAClosedConnection(t *testing.T) {
	t.Parallel()
	w := start(t)
	b := put(t, w, noise(9*chunk))
	reader := w.other(t)
	r, err := reader.GetBlob(t.Context(), b)
	must(t, err)
	defer r.Close()
	reader.Conn().Close()
	_, err = io.ReadAll(r)
	wantCode(t, err, protocol.CodeUnavailable)
}

// A reading ends with its context, also while it waits.
func TestReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := start(t)
	b := put(t, w, noise(9*chunk))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := w.GetBlob(ctx, b)
	must(t, err)
	_, err = io.CopyN(io.Discard, r, chunk)
	must(t, err)
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
	must(t, r.Close())
	must(t, r.Close())
	r, err = w.GetBlob(t.Context(), b)
	must(t, err)
	must(t, r.Close())
	_, err = r.Read(make([]byte, 1))
	wantCode(t, err, protocol.CodeClosed)
}

// A blob that is deleted while it is read is not there any more, which is another thing than damaged.
func TestBlobIsDeletedWhileItIsRead(t *testing.T) {
	t.Parallel()
	w := start(t)
	b := put(t, w, noise(20*chunk))
	r, err := w.GetBlob(t.Context(), b)
	must(t, err)
	defer r.Close()
	_, err = io.CopyN(io.Discard, r, 10)
	must(t, err)
	must(t, w.DeleteBlob(t.Context(), infoOf(t, w, b)))
	_, err = io.ReadAll(r)
	wantCode(t, err, protocol.CodeNotFound)
}
