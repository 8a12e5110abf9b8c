package codec_test

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
)

// mostDecoded is the limit of the fuzzed codecs: a few bytes can stand for gigabytes.
const mostDecoded = 1 << 20

// FuzzDecode: whatever comes in place of an encoded payload is refused with a code, and nothing becomes larger than allowed.
func FuzzDecode(f *testing.F) {
	chain := codec.Chain(zstd.New(zstd.Limit(mostDecoded)), aesgcm.New(ring(f, "a")))
	for _, v := range []any{strings.Repeat("tea ", 1000), []byte{0, 1, 2}, strings.Repeat("\x00", 2*mostDecoded)} {
		for _, c := range []codec.Codec{chain, zstd.New(), aesgcm.New(ring(f, "a"))} {
			p, err := c.Encode(encode(f, v))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(p.Encoding(), p.Metadata["key"], base64.StdEncoding.EncodeToString(p.Data), p.Data)
		}
	}
	f.Add("digest/sha256", "", "e30K", []byte("{}\n"))
	f.Add(zstd.Encoding, "", "", []byte{})
	f.Fuzz(func(t *testing.T, encoding, key, digest string, data []byte) {
		meta := map[string]string{protocol.MetadataEncoding: encoding, "key": key}
		in := protocol.Payload{Metadata: meta, Data: data}
		for _, c := range []codec.Codec{chain, zstd.New(zstd.Limit(mostDecoded)), aesgcm.New(ring(t, "a"))} {
			out, err := c.Decode(in)
			coded(t, err)
			if len(out.Data) > max(mostDecoded, len(data)) {
				t.Fatalf("%d bytes became %d", len(data), len(out.Data))
			}
			e := codec.Edge{Codec: c, Strict: true, Get: func(protocol.Blob) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(string(data))), nil
			}}
			meta[codec.MetadataDigest] = digest
			blob := protocol.Payload{Metadata: meta, Blob: &protocol.Blob{Name: "b", Size: 1, SHA256: "00"}}
			_, err = e.Look(blob)
			coded(t, err)
			_, err = e.Open(blob)
			coded(t, err)
			delete(meta, codec.MetadataDigest)
		}
	})
}

// coded holds that an error, if there is one, has a code.
func coded(t *testing.T, err error) {
	t.Helper()
	if err != nil && protocol.AsError(err).Code == protocol.CodeInternal {
		t.Fatalf("an error without a code: %v", err)
	}
}

// FuzzRing: a ring that cannot be read is refused with a code, and the error shows no key.
func FuzzRing(f *testing.F) {
	const key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	f.Add([]byte(`{"active":"a","keys":{"a":"` + key + `"}}`))
	f.Add([]byte(`{"active":"a","keys":{"a":"` + key + `","a":""}}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := aesgcm.ParseRing(data)
		coded(t, err)
		if err != nil && strings.Contains(err.Error(), key) {
			t.Fatal("the error shows a key")
		}
	})
}
