package jetstream

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// PutBlob stores what r delivers in the object store under the given name, replacing what was there.
func (s *Store) PutBlob(ctx context.Context, name string, r io.Reader) (protocol.Blob, error) {
	ctx, done := s.allowed(ctx, s.blobSubjects()...)
	info, err := s.putObject(ctx, name, r)
	if err = done(err); err != nil {
		return protocol.Blob{}, wrap(err)
	}
	digest, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(info.Digest, "SHA-256="))
	if err != nil {
		return protocol.Blob{}, wrap(err)
	}
	return protocol.Blob{Name: name, Size: int64(info.Size), SHA256: hex.EncodeToString(digest)}, nil //nolint:gosec // < 2^63
}

func (s *Store) putObject(ctx context.Context, name string, r io.Reader) (*natsjs.ObjectInfo, error) {
	store, err := s.js.ObjectStore(ctx, s.ns.BlobStore())
	if err != nil {
		return nil, err
	}
	return store.Put(ctx, natsjs.ObjectMeta{Name: name}, r)
}

// blobSubjects are those that the object store is made of.
func (s *Store) blobSubjects() []string {
	stream := "OBJ_" + s.ns.BlobStore()
	return []string{
		"$O." + s.ns.BlobStore() + ".", s.api("STREAM.INFO." + stream), s.api("STREAM.PURGE." + stream),
		s.api("DIRECT.GET." + stream + "."),
	}
}

// GetBlob opens a blob. The reader verifies what it read when it reaches the end: a digest that does not match is an error of
// code corrupt in place of io.EOF. ctx governs the whole reading.
func (s *Store) GetBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	opening, done := s.allowed(ctx, s.blobSubjects()...)
	store, err := s.js.ObjectStore(opening, s.ns.BlobStore())
	if err = done(err); err != nil {
		return nil, wrap(err)
	}
	object, err := store.Get(ctx, b.Name)
	if errors.Is(err, natsjs.ErrObjectNotFound) {
		return nil, protocol.Errorf(protocol.CodeNotFound, "the blob %q is not in the object store", b.Name).
			WithHint("it was removed, or belongs to another namespace")
	}
	if err != nil {
		return nil, wrap(err)
	}
	return verify(object, b), nil
}
