package aesgcm_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, aesgcm.KeySize) }

func sealer(t *testing.T, active string, keys map[string][]byte, opts ...aesgcm.Option) codec.Codec {
	t.Helper()
	ring, err := aesgcm.NewRing(active, keys)
	if err != nil {
		t.Fatal(err)
	}
	return aesgcm.New(ring, opts...)
}

var plain = protocol.Payload{Data: []byte(`"tea"`)}

func seal(t *testing.T, c codec.Codec) protocol.Payload {
	t.Helper()
	p, err := c.Encode(plain)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The same value is another ciphertext each time: nobody can tell that two values are equal.
func TestNonceIsRandom(t *testing.T) {
	t.Parallel()
	c := sealer(t, "a", map[string][]byte{"a": key(1)})
	if p, q := seal(t, c), seal(t, c); bytes.Equal(p.Data, q.Data) {
		t.Error("two encodings are the same")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old := seal(t, sealer(t, "a", map[string][]byte{"a": key(1)}))
	both := sealer(t, "b", map[string][]byte{"a": key(1), "b": key(2)})
	if p, err := both.Decode(old); err != nil || !p.Equal(plain) {
		t.Errorf("what the old key has written: %s, %v", p, err)
	}
	if p := seal(t, both); p.Metadata[aesgcm.MetadataKey] != "b" {
		t.Errorf("it writes with key %s", p.Metadata[aesgcm.MetadataKey])
	}
}

// Whatever is changed about a payload, it does not decode.
func TestTampering(t *testing.T) {
	t.Parallel()
	keys := map[string][]byte{"a": key(1), "twin": key(1)}
	c := sealer(t, "a", keys, aesgcm.Context("shop"))
	for i := range seal(t, c).Data {
		p := seal(t, c)
		p.Data[i] ^= 1
		if _, err := c.Decode(p); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadPayload {
			t.Fatalf("byte %d was changed: %v", i, err)
		}
	}
	p := seal(t, c)
	p.Data = p.Data[:10]
	if _, err := c.Decode(p); err == nil {
		t.Error("it was cut")
	}
	p = seal(t, c)
	p.Metadata = maps.Clone(p.Metadata)
	p.Metadata[aesgcm.MetadataKey] = "twin"
	if _, err := c.Decode(p); err == nil {
		t.Error("the key was renamed")
	}
	if _, err := sealer(t, "a", keys, aesgcm.Context("bank")).Decode(seal(t, c)); err == nil {
		t.Error("it was moved into another context")
	}
}

func TestUnknownKeySaysWhichIsMissing(t *testing.T) {
	t.Parallel()
	p := seal(t, sealer(t, "a", map[string][]byte{"a": key(1)}))
	_, err := sealer(t, "b", map[string][]byte{"b": key(2)}).Decode(p)
	if e := protocol.AsError(err); e == nil || !strings.Contains(e.Message, `"a"`) || !strings.Contains(e.Message, "only b") || e.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestRings(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(key(7))
	ring, err := aesgcm.ParseRing([]byte(`{"active":"a","keys":{"a":"` + good + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{ring.String(), fmt.Sprintf("%#v", ring), fmt.Sprintf("%+v", ring)} {
		if shown != "keys a, active a" {
			t.Errorf("the ring is shown as %s", shown)
		}
	}
	for what, text := range map[string]string{
		"no JSON": "a=" + good, "no base64": `{"active":"a","keys":{"a":"%%%"}}`, "a short key": `{"active":"a","keys":{"a":"AAAA"}}`,
		"no active key": `{"active":"b","keys":{"a":"` + good + `"}}`, "no keys": `{}`,
	} {
		_, err := aesgcm.ParseRing([]byte(text))
		if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeBadRequest || strings.Contains(err.Error(), good) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
