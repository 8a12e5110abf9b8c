package protocol_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// TestDigestSurvivesTheWire: replay compares digests, so a payload that was stored, and perhaps rewritten by an encoder
// that adds white space on the way, must have the digest that the code's own value has.
func TestDigestSurvivesTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPayload().Draw(t, "payload")
		data, err := protocol.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, data, "", " "); err != nil {
			t.Fatal(err)
		}
		for _, wire := range [][]byte{data, indented.Bytes()} {
			var back protocol.Payload
			if err := json.Unmarshal(wire, &back); err != nil {
				t.Fatal(err)
			}
			if back.Digest() != p.Digest() || !back.Equal(p) || !p.Equal(back) || back.Encoding() != p.Encoding() {
				t.Fatalf("%v became %v by way of %s", p, back, wire)
			}
		}
	})
}

func TestEncode(t *testing.T) {
	t.Parallel()
	type order struct {
		Note string `json:"note"`
	}
	for _, c := range []struct {
		value any
		wire  string
	}{
		{nil, `{"data":null}`},
		{42, `{"data":42}`},
		{"<&>", `{"data":"<&>"}`},
		{order{"1 < 2"}, `{"data":{"note":"1 < 2"}}`},
		{[]string{}, `{"data":[]}`},
		{json.RawMessage("{ \"a\" : 1 }"), `{"data":{"a":1}}`},
		{[]byte("<&>"), `{"metadata":{"encoding":"binary/plain"},"data":"PCY+"}`},
		{[]byte(nil), `{"metadata":{"encoding":"binary/null"}}`},
		{protocol.Payload{}, `{}`},
		{large, `{"blob":{"name":"` + large.Blob.Name + `","size":1048576,"sha256":"` + large.Blob.SHA256 + `"}}`},
	} {
		p, err := protocol.Encode(c.value)
		if err != nil {
			t.Errorf("Encode(%v): %v", c.value, err)
			continue
		}
		got, err := protocol.Marshal(p)
		if err != nil || string(got) != c.wire {
			t.Errorf("Encode(%v) is written as %s, %v, want %s", c.value, got, err, c.wire)
		}
	}
	for _, v := range []any{math.Inf(1), func() {}, make(chan int)} {
		if _, err := protocol.Encode(v); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadPayload {
			t.Errorf("Encode(%T) reports %v", v, err)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	type order struct{ Total float64 }
	var (
		o    order
		b    []byte
		s    = "as it was"
		kept protocol.Payload
	)
	for _, c := range []struct {
		payload   protocol.Payload
		into      any
		got, want any
		fails     bool
	}{
		{payload: protocol.Payload{Data: []byte(`{"Total":4.5}`)}, into: &o, got: &o, want: &order{4.5}},
		{payload: raw, into: &b, got: &b, want: &raw.Data},
		{payload: protocol.Payload{}, into: &s, got: s, want: "as it was"},
		{payload: large, into: &kept, got: &kept, want: &large},
		{payload: large, into: &s, fails: true},
		{payload: raw, into: &s, fails: true},
		{payload: protocol.Payload{Data: []byte(`42`)}, into: &s, fails: true},
		{payload: protocol.Payload{Metadata: map[string]string{"encoding": "x"}}, into: &s, fails: true},
	} {
		err := c.payload.Decode(c.into)
		switch {
		case c.fails && (err == nil || protocol.AsError(err).Code != protocol.CodeBadPayload):
			t.Errorf("%v decoded into %T reports %v", c.payload, c.into, err)
		case !c.fails && err != nil:
			t.Errorf("%v decoded into %T: %v", c.payload, c.into, err)
		case !c.fails && !cmp.Equal(c.got, c.want):
			t.Errorf("%v decoded into %T is %v, want %v", c.payload, c.into, c.got, c.want)
		}
	}
}

func TestPayloadString(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]protocol.Payload{
		`"receipt-7"`:            receipt,
		"binary/plain (4 bytes)": raw,
		"null":                   {Metadata: map[string]string{"encoding": "binary/null"}},
		"blob " + large.Blob.Name + " (1048576 bytes)": large,
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
