package jetstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/millrace-dev/millrace/protocol"
)

// Blobs are objects of the namespace's object store, on the wire as the client library and `nats object` write them: chunks under a
// subject of the upload's own, and a message that describes the object under a subject made of its name. The names are digests of what
// is stored, so an object never changes, whoever stores the same bytes again stores nothing, and a second attempt does no harm.
//
// What the library does not do is done here: it keeps thousands of chunks in flight, ends a reading that takes longer than its patience
// with one answer, reads from the beginning only, and neither writes nor deletes by compare-and-set.

// PutBlob stores what r delivers, in constant memory, and returns a reference to it. If it is there already, it is as if it had been
// stored now. When r fails or ctx ends, nothing is left. An r that is a pipe is closed when ctx ends.
func (s *Store) PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	if pipe, ok := r.(*io.PipeReader); ok {
		release := context.AfterFunc(ctx, func() { _ = pipe.CloseWithError(ctx.Err()) })
		defer release()
	}
	return s.upload(ctx, r, largestChunk)
}

func (s *Store) upload(ctx context.Context, r io.Reader, chunk int) (b protocol.Blob, err error) {
	ctx, done := s.allowed(ctx, s.blobSubjects()...)
	u := s.newUpload(chunk)
	if err = u.copy(ctx, r); err == nil {
		b, err = u.finish(ctx)
	}
	if err = done(err); err != nil && protocol.AsError(err).Code != protocol.CodeUnauthorized { // of what was refused nothing is there
		u.abandon()
	}
	return b, err
}

// blobSubjects are those that the object store is made of.
func (s *Store) blobSubjects() []string {
	stream := s.blobStream()
	return []string{
		"$O." + s.ns.BlobStore() + ".", s.api("STREAM.INFO." + stream), s.api("STREAM.PURGE." + stream), s.api("DIRECT.GET." + stream),
		s.api("DIRECT.GET." + stream + "."), s.api("STREAM.MSG.GET." + stream), s.api("STREAM.MSG.DELETE." + stream),
	}
}

// PutBytes is PutBlob of what is in memory. Of what is there already, nothing is sent.
func (s *Store) PutBytes(ctx context.Context, data []byte) (protocol.Blob, error) {
	sum := sha256.Sum256(data)
	b := protocol.Blob{Name: protocol.BlobName(sum[:]), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	if there, err := s.refresh(ctx, b); there || err != nil {
		return b, err
	}
	chunk := largestChunk
	if len(data) > bundleSize {
		chunk = bundleChunk
	}
	return s.upload(ctx, bytes.NewReader(data), chunk)
}

const (
	// bundleSize is the size from which on what is in memory is taken for many values in one object, which are read one by one.
	bundleSize = 4 << 20
	// bundleChunk is the size of its chunks: each value costs the reading of one or two.
	bundleChunk = 64 << 10
)

// GetBlob opens a blob. The reader verifies what it read when it reaches the end: a digest that does not match is an error of
// code corrupt in place of io.EOF. ctx governs the whole reading.
func (s *Store) GetBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	return s.GetRange(ctx, b, 0, -1)
}

// GetRange opens a part of a blob: length bytes from offset on, or all from there if length is negative. A part beyond the end is cut to
// what there is. A digest tells about the whole, so of a part it is verified that each of its chunks is the right one, in its place and
// of its length; the server verifies a checksum of each message that it reads from its disk. ctx governs the whole reading.
func (s *Store) GetRange(ctx context.Context, b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "a blob has no byte %d", offset)
	}
	o, err := s.lookup(ctx, b)
	if err != nil {
		return nil, err
	}
	size := b.StoredSize()
	offset = min(offset, size)
	end := size
	if length >= 0 && length < size-offset {
		end = offset + length
	}
	d := &download{
		ctx: ctx, s: s, blob: b, object: o, at: b.Offset + offset, end: b.Offset + end, next: 1, wake: make(chan struct{}, 1),
	}
	if offset == 0 && end == size {
		d.sum = newSum()
	}
	if err := d.locate(); err != nil {
		return nil, err
	}
	return d, nil
}

// lookup finds the object that a reference is to.
func (s *Store) lookup(ctx context.Context, b protocol.Blob) (object, error) {
	ctx, done := s.allowed(ctx, s.blobSubjects()...)
	var o object
	_, err := s.fromAnyCopy(ctx, s.blobStream(), func() (found bool, err error) {
		o, err = s.object(ctx, b.Name)
		return o.revision != 0, err
	})
	switch err = done(err); {
	case err != nil:
		return o, err
	case o.gone():
		return o, missing(b.Name)
	}
	size := int64(o.Size) - b.Offset //nolint:gosec // < 2^63
	if size < b.StoredSize() || size > b.StoredSize() && !b.Shared() {
		return o, damaged(b, size)
	}
	return o, nil
}

func missing(name string) error {
	return protocol.Errorf(protocol.CodeNotFound, "the blob %q is not in the object store", name).
		WithHint("it was removed, or belongs to another namespace")
}

func damaged(b protocol.Blob, size int64) error {
	return protocol.Errorf(protocol.CodeCorrupt, "the blob %q is not what was stored: %d bytes, expected %d", b.Name, size, b.StoredSize()).
		WithHint("it was overwritten or damaged; store it again")
}
