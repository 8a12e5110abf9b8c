package codec

import (
	"bytes"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Codec turns a payload into another that carries the same value. It must be safe for concurrent use.
type Codec interface {
	// Encode returns the payload that is to be stored in place of p. It may return p itself, if there is nothing to gain.
	Encode(p protocol.Payload) (protocol.Payload, error)
	// Decode undoes Encode. It returns a payload that Encode has not made as it is: values that were stored before there was a codec,
	// and requests that are written by hand, stay readable.
	Decode(p protocol.Payload) (protocol.Payload, error)
}

// chain is several codecs, one after the other.
type chain []Codec

// Chain makes one codec of several. The first one encodes first and decodes last: compress before you encrypt. The chain of no codecs is
// nil.
func Chain(codecs ...Codec) Codec {
	switch len(codecs) {
	case 0:
		return nil
	case 1:
		return codecs[0]
	}
	return chain(slices.Clone(codecs))
}

// Encode implements [Codec].
func (c chain) Encode(p protocol.Payload) (protocol.Payload, error) {
	for _, next := range c {
		var err error
		if p, err = next.Encode(p); err != nil {
			return protocol.Payload{}, err
		}
	}
	return p, nil
}

// Decode implements [Codec].
func (c chain) Decode(p protocol.Payload) (protocol.Payload, error) {
	for _, next := range slices.Backward(c) {
		var err error
		if p, err = next.Decode(p); err != nil {
			return protocol.Payload{}, err
		}
	}
	return p, nil
}

// Pack writes a payload as bytes, for a codec to work on: its metadata as a JSON object, a line feed, and its data. A payload that lies
// in the object store cannot be packed.
func Pack(p protocol.Payload) ([]byte, error) {
	if p.Blob != nil {
		return nil, protocol.Errorf(protocol.CodeBadPayload, "a payload that lies in the object store cannot be encoded")
	}
	meta := []byte("{}")
	if len(p.Metadata) > 0 {
		var err error
		if meta, err = protocol.Marshal(p.Metadata); err != nil {
			return nil, err
		}
	}
	return slices.Concat(meta, []byte("\n"), p.Data), nil
}

// Unpack reads what [Pack] wrote.
func Unpack(b []byte) (protocol.Payload, error) {
	meta, data, ok := bytes.Cut(b, []byte("\n"))
	var p protocol.Payload
	if !ok || protocol.Unmarshal(meta, &p.Metadata) != nil {
		return protocol.Payload{}, protocol.Errorf(protocol.CodeBadPayload, "what a codec decoded is not a payload")
	}
	if len(p.Metadata) == 0 {
		p.Metadata = nil
	}
	if len(data) > 0 {
		p.Data = data
	}
	return p, nil
}
