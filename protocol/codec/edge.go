package codec

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// Edge is where values leave a program and come in. Out goes: encode, then move what is large to the object store. In comes: fetch,
// then decode. So what lies in the object store is encoded as well.
//
// It has no context of its own: Put and Get are closures over the caller's.
type Edge struct {
	// Codec encodes and decodes; nil leaves payloads as they are.
	Codec Codec
	// Failures says that messages and stacks of failures are encoded, too.
	Failures bool
	// Threshold is the size in bytes above which a payload travels through the object store.
	Threshold int
	// Room is how many bytes all payloads of a message may have together; zero is any number.
	Room int
	// Strict says that what comes in must be readable: whoever replays would take a value that it cannot read for one that has changed.
	Strict bool
	// Put stores data in the object store, and Get opens it. A nil Get leaves references as they are.
	Put func(data []byte) (protocol.Blob, error)
	Get func(protocol.Blob) (io.ReadCloser, error)
}

const (
	// MetadataDigest is the metadata key of a payload in the object store that was encoded: what [protocol.Payload.Digest] was before
	// that, packed and encoded like a payload of its own, in base64.
	//
	// Replay compares payloads by their digests. The digest of an encrypted payload will not do: with a random nonce it is another one
	// each time. Nor would the plain digest in plain text: it tells a guess from the truth. So it travels encrypted, and a replay
	// compares the input of an activity without fetching it.
	MetadataDigest = "plain-digest"
	// MetadataBlobs is the metadata key of a payload whose value is hidden, by a codec or because it lies in the object store: the names of
	// the objects that the value refers to, separated by spaces. Whoever collects garbage reads them there.
	MetadataBlobs = "blobs"
	// encodingDigest names such a digest, and metadataOf the encoding of what it is the digest of. No value of a user's is called
	// that, so that neither can be put in the place of the other.
	encodingDigest = "digest/sha256"
	metadataOf     = "of"
)

// Seal prepares a payload for the way out. Null stays as it is:
// orchestrators remove the entries of a memo that are null.
func (e Edge) Seal(p protocol.Payload) (protocol.Payload, error) {
	if p.Blob != nil || p.IsZero() || p.Encoding() == protocol.EncodingNull {
		return p, nil
	}
	sealed := p
	if e.Codec != nil {
		var err error
		if sealed, err = e.Codec.Encode(p); err != nil {
			return p, err
		}
	}
	if len(sealed.Data) <= e.Threshold {
		if changed(p, sealed) || p.Encoding() != protocol.EncodingJSON { // what is not JSON travels as base64
			sealed.Metadata = mention(sealed.Metadata, p)
		}
		return sealed, nil
	}
	blob, err := e.Put(sealed.Data)
	if err != nil {
		return p, err
	}
	return e.refer(p, sealed, &blob)
}

// refer is a reference to a payload that lies in the object store: p before it was sealed.
func (e Edge) refer(p, sealed protocol.Payload, blob *protocol.Blob) (protocol.Payload, error) {
	meta := mention(sealed.Metadata, p)
	if changed(p, sealed) {
		digest, err := e.sealDigest(p)
		if err != nil {
			return p, err
		}
		meta = with(meta, MetadataDigest, digest)
	}
	return protocol.Payload{Metadata: meta, Blob: blob}, nil
}

// changed reports whether a codec did something to a payload.
func changed(p, sealed protocol.Payload) bool {
	return sealed.Encoding() != p.Encoding() || !bytes.Equal(sealed.Data, p.Data)
}

// mention adds to the metadata of a payload which objects the value refers to that it hides.
func mention(meta map[string]string, plain protocol.Payload) map[string]string {
	if names := protocol.BlobNames(plain.Data); len(names) > 0 {
		return with(meta, MetadataBlobs, strings.Join(names, " "))
	}
	return meta
}

// with is metadata with one entry more. Others may share the map.
func with(meta map[string]string, key, value string) map[string]string {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[key] = value
	return meta
}

// without is metadata without what Seal added. What is left of nothing is nothing.
func without(meta map[string]string) map[string]string {
	_, digest := meta[MetadataDigest]
	_, blobs := meta[MetadataBlobs]
	if !digest && !blobs {
		return meta
	}
	meta = maps.Clone(meta)
	delete(meta, MetadataDigest)
	delete(meta, MetadataBlobs)
	if len(meta) == 0 {
		return nil
	}
	return meta
}

func (e Edge) sealDigest(p protocol.Payload) (string, error) {
	sum := sha256.Sum256(p.Data)
	d, err := e.Codec.Encode(protocol.Payload{
		Metadata: map[string]string{protocol.MetadataEncoding: encodingDigest, metadataOf: p.Encoding()}, Data: sum[:],
	})
	if err != nil {
		return "", err
	}
	b, err := Pack(d)
	return base64.StdEncoding.EncodeToString(b), err
}

// Open undoes Seal.
func (e Edge) Open(p protocol.Payload) (protocol.Payload, error) {
	if p.Blob == nil || e.Get == nil {
		return e.Look(p)
	}
	data, err := e.read(*p.Blob)
	if err != nil {
		return p, err
	}
	return e.Look(protocol.Payload{Metadata: without(p.Metadata), Data: data})
}

func (e Edge) read(b protocol.Blob) ([]byte, error) {
	r, err := e.Get(b)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// Look decodes a payload as far as that goes without fetching it. One that lies in the object store becomes a reference with the digest
// that the value itself has, which is enough to compare it.
func (e Edge) Look(p protocol.Payload) (protocol.Payload, error) {
	q, err := e.look(p)
	if err == nil && e.Strict {
		err = q.Readable()
	}
	if err != nil {
		return p, err
	}
	return q, nil
}

func (e Edge) look(p protocol.Payload) (protocol.Payload, error) {
	switch {
	case e.Codec == nil || p.IsZero():
		return p, nil
	case p.Blob == nil:
		return e.decode(p)
	}
	digest, ok := p.Metadata[MetadataDigest]
	if !ok {
		return p, nil
	}
	packed, err := base64.StdEncoding.DecodeString(digest)
	if err != nil {
		return p, badDigest(p)
	}
	d, err := Unpack(packed)
	if err != nil {
		return p, badDigest(p)
	}
	if d, err = e.Codec.Decode(d); err != nil {
		return p, err
	}
	if d.Encoding() != encodingDigest || len(d.Data) != sha256.Size {
		return p, badDigest(p)
	}
	blob := *p.Blob
	blob.SHA256 = hex.EncodeToString(d.Data)
	return protocol.Payload{Metadata: map[string]string{protocol.MetadataEncoding: d.Metadata[metadataOf]}, Blob: &blob}, nil
}

func (e Edge) decode(p protocol.Payload) (protocol.Payload, error) {
	q, err := e.Codec.Decode(p)
	if err == nil && q.Encoding() == encodingDigest {
		err = protocol.Errorf(protocol.CodeBadPayload, "a digest was put in the place of a payload")
	}
	if err != nil {
		return p, err
	}
	return q, nil
}

func badDigest(p protocol.Payload) error {
	return protocol.Errorf(protocol.CodeBadPayload, "the digest of the payload in %q cannot be read", p.Blob.Name).
		WithHint("the event was changed, or this program has not the codecs that it was written with")
}
