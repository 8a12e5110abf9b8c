// Package zstd is a codec that compresses payloads with Zstandard.
package zstd

import (
	"github.com/klauspost/compress/zstd"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// Encoding names compressed payloads in their metadata.
const Encoding = "binary/zstd"

const (
	// atLeast is the size below which compressing gains nothing.
	atLeast = 128
	// DefaultLimit is how large a value may become when it is decompressed.
	DefaultLimit = 64 << 20
)

// Option configures the codec.
type Option func(*config)

type config struct{ limit uint64 }

// Limit is how large a value in bytes may become when it is decompressed. Defaults to [DefaultLimit]. A few bytes can stand for
// gigabytes, so there must be one.
func Limit(bytes int) Option { return func(c *config) { c.limit = uint64(max(bytes, 1)) } }

// New returns the codec. A payload that does not become smaller stays as it is.
func New(opts ...Option) codec.Codec {
	c := config{limit: DefaultLimit}
	for _, o := range opts {
		o(&c)
	}
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options above are wrong
	}
	reader, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(c.limit))
	if err != nil {
		panic(err)
	}
	return &compressor{writer: writer, reader: reader, limit: c.limit}
}

type compressor struct {
	writer *zstd.Encoder
	reader *zstd.Decoder
	limit  uint64
}

// Encode implements [codec.Codec].
func (c *compressor) Encode(p protocol.Payload) (protocol.Payload, error) {
	if len(p.Data) < atLeast {
		return p, nil
	}
	plain, err := codec.Pack(p)
	if err != nil {
		return protocol.Payload{}, err
	}
	if uint64(len(plain)) > c.limit {
		return p, nil // it could not be read again
	}
	data := c.writer.EncodeAll(plain, make([]byte, 0, len(plain)/2))
	if len(data) >= len(p.Data) {
		return p, nil
	}
	return protocol.Payload{Metadata: map[string]string{protocol.MetadataEncoding: Encoding}, Data: data}, nil
}

// Decode implements [codec.Codec].
func (c *compressor) Decode(p protocol.Payload) (protocol.Payload, error) {
	if p.Encoding() != Encoding {
		return p, nil
	}
	plain, err := c.reader.DecodeAll(p.Data, nil)
	if err != nil {
		return protocol.Payload{}, protocol.Errorf(protocol.CodeBadPayload, "a compressed payload of %d bytes cannot be decompressed: %v",
			len(p.Data), err).WithHint("it is damaged, or larger than zstd.Limit allows")
	}
	return codec.Unpack(plain)
}
