// Package aesgcm is a codec that encrypts payloads with AES-256-GCM, each under a random nonce.
//
// What is hidden is the value: its data, and how it is encoded. What is not: that there is a value, its size to the byte, the ID of the
// key, the names of workflows, activities, signals and queues, headers, and search attributes. Compress with care what mixes a secret
// with text that a stranger chooses, because the size tells.
package aesgcm

import (
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

const (
	// Encoding names encrypted payloads in their metadata.
	Encoding = "binary/aes-gcm"
	// MetadataKey is the metadata key that holds the ID of the key.
	MetadataKey = "key"
)

// Option configures the codec.
type Option func(*sealer)

// Context binds every payload to a text, such as the name of the namespace or of the tenant: what was written with another one cannot be
// read, even with the same key. Workers and clients must agree on it. It must not be the name of one workflow: payloads travel from
// workflow to workflow, as the input of a child and its result do.
func Context(text string) Option { return func(s *sealer) { s.context = text } }

// New returns the codec. It writes with the ring's active key and reads with all of them.
func New(keys *Ring, opts ...Option) codec.Codec {
	s := &sealer{ring: keys}
	for _, o := range opts {
		o(s)
	}
	return s
}

type sealer struct {
	ring    *Ring
	context string
}

// bound is what is authenticated with the payload: whoever can write to a stream can neither rename the key nor move the payload into
// another context.
func (s *sealer) bound(key string) []byte {
	return []byte(Encoding + "\x00" + key + "\x00" + s.context)
}

// Encode implements [codec.Codec].
func (s *sealer) Encode(p protocol.Payload) (protocol.Payload, error) {
	plain, err := codec.Pack(p)
	if err != nil {
		return protocol.Payload{}, err
	}
	key := s.ring.active
	return protocol.Payload{
		Metadata: map[string]string{protocol.MetadataEncoding: Encoding, MetadataKey: key},
		Data:     s.ring.keys[key].Seal(nil, nil, plain, s.bound(key)), //nolint:gosec // this kind of GCM draws its nonces itself
	}, nil
}

// Decode implements [codec.Codec].
func (s *sealer) Decode(p protocol.Payload) (protocol.Payload, error) {
	if p.Encoding() != Encoding {
		return p, nil
	}
	id := p.Metadata[MetadataKey]
	key := s.ring.keys[id]
	if key == nil {
		return protocol.Payload{}, protocol.Errorf(protocol.CodeBadPayload, "a payload is encrypted with key %q, and only %s is at hand",
			id, s.ring.ids()).WithHint("add the key to the ring of this program's aesgcm codec")
	}
	plain, err := key.Open(nil, nil, p.Data, s.bound(id))
	if err != nil {
		return protocol.Payload{}, protocol.Errorf(protocol.CodeBadPayload, "a payload of %d bytes cannot be decrypted with key %q",
			len(p.Data), id).WithHint("it was changed, belongs to another aesgcm.Context, or was written with another key of that ID")
	}
	return codec.Unpack(plain)
}
