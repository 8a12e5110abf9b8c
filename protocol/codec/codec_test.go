package codec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
)

// secret is looked for in what was encoded.
const secret = "the-vault-opens-at-noon"

func ring(t testing.TB, active string, ids ...string) *aesgcm.Ring {
	t.Helper()
	keys := map[string][]byte{}
	for _, id := range append(ids, active) {
		keys[id] = bytes.Repeat([]byte(id[len(id)-1:]), aesgcm.KeySize)
	}
	r, err := aesgcm.NewRing(active, keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func encode(t testing.TB, v any) protocol.Payload {
	t.Helper()
	p, err := protocol.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// anyPayload is any value, in any encoding.
var anyPayload = rapid.Custom(func(t *rapid.T) protocol.Payload {
	if rapid.Bool().Draw(t, "json") {
		data, err := protocol.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		return protocol.Payload{Data: data}
	}
	meta := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")
	meta[protocol.MetadataEncoding] = rapid.SampledFrom([]string{protocol.EncodingBinary, "binary/protobuf", "json/x"}).Draw(t, "encoding")
	p := protocol.Payload{Metadata: meta}
	if data := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "data"); len(data) > 0 {
		p.Data = data
	}
	return p
})

// Whatever is encoded comes back as it was, through each codec and through all of them, and is another payload each time when encrypted.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	aes := aesgcm.New(ring(t, "k1"), aesgcm.Context("shop"))
	for name, c := range map[string]codec.Codec{
		"zstd": zstd.New(), "aes": aes, "both": codec.Chain(zstd.New(), aes), "twice": codec.Chain(aes, zstd.New(), aes),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := anyPayload.Draw(t, "payload")
				encoded, err := c.Encode(p)
				if err != nil {
					t.Fatal(err)
				}
				// It travels as JSON.
				wire, err := protocol.Marshal(encoded)
				if err != nil {
					t.Fatal(err)
				}
				var arrived protocol.Payload
				if err := arrived.UnmarshalJSON(wire); err != nil {
					t.Fatal(err)
				}
				back, err := c.Decode(arrived)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(p, back); d != "" {
					t.Fatalf("-encoded +decoded:\n%s", d)
				}
			})
		})
	}
}

// What a codec has not made passes through it, so that values from before there was a codec stay readable.
func TestOthersPassThrough(t *testing.T) {
	t.Parallel()
	c := codec.Chain(zstd.New(), aesgcm.New(ring(t, "k1")))
	for _, p := range []protocol.Payload{{}, encode(t, "plain"), encode(t, []byte("raw")), protocol.Null()} {
		if got, err := c.Decode(p); err != nil || !cmp.Equal(got, p) {
			t.Errorf("%s became %s, %v", p, got, err)
		}
	}
}

func TestCompressionIsWorthIt(t *testing.T) {
	t.Parallel()
	c := zstd.New()
	large := encode(t, strings.Repeat("again and ", 1000))
	got, err := c.Encode(large)
	if err != nil || got.Encoding() != zstd.Encoding || len(got.Data) > len(large.Data)/20 {
		t.Errorf("%d bytes became %s, %v", len(large.Data), got, err)
	}
	for _, p := range []protocol.Payload{encode(t, "short"), encode(t, []byte(noise(200)))} {
		if got, err := c.Encode(p); err != nil || !cmp.Equal(got, p) {
			t.Errorf("%s became %s, %v", p, got, err)
		}
	}
}

// A few bytes that stand for gigabytes are refused.
func TestDecompressionIsLimited(t *testing.T) {
	t.Parallel()
	bomb, err := zstd.New().Encode(encode(t, make([]byte, 8<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zstd.New(zstd.Limit(1 << 20)).Decode(bomb); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadPayload {
		t.Errorf("%d bytes that stand for 8 MiB: %v", len(bomb.Data), err)
	}
}

func noise(n int) string {
	b := make([]byte, n)
	for i, x := 0, uint32(1); i < n; i++ {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

// FuzzUnpack: what can be unpacked is what was packed.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("{}\nx"))
	f.Add([]byte(`{"encoding":"binary/plain"}` + "\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := codec.Unpack(b)
		if err != nil {
			return
		}
		packed, err := codec.Pack(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := codec.Unpack(packed)
		if err != nil || !cmp.Equal(p, again) {
			t.Errorf("%q gives %v, then %v, %v", b, p, again, err)
		}
	})
}

func Example() {
	ring, err := aesgcm.NewRing("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, aesgcm.KeySize)})
	if err != nil {
		fmt.Println(err)
		return
	}
	c := codec.Chain(zstd.New(), aesgcm.New(ring))
	plain, err := protocol.Encode("the price of tea")
	if err != nil {
		fmt.Println(err)
		return
	}
	stored, err := c.Encode(plain)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stored)
	back, err := c.Decode(stored)
	fmt.Println(back, err)
	// Output:
	// binary/aes-gcm key k1 (49 bytes)
	// "the price of tea" <nil>
}
