package protobuf_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/protobuf"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	in := durationpb.New(90 * time.Second)
	p, err := protocol.Encode(in)
	if err != nil || p.Encoding() != protobuf.EncodingBinary || p.Metadata[protobuf.MetadataType] != "google.protobuf.Duration" {
		t.Fatalf("encoded as %s %v, %v", p, p.Metadata, err)
	}
	var out *durationpb.Duration // as the parameter of an activity
	if err := p.Decode(&out); err != nil || !proto.Equal(in, out) {
		t.Errorf("decoded as %v, %v", out, err)
	}
	var value durationpb.Duration
	if err := p.Decode(&value); err != nil || !proto.Equal(in, &value) {
		t.Errorf("decoded in place as %v, %v", &value, err)
	}
	// A message with a map is the same bytes each time.
	m, err := structpb.NewStruct(map[string]any{"a": 1, "b": 2, "c": 3, "d": 4})
	if err != nil {
		t.Fatal(err)
	}
	first, err := protocol.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := protocol.Encode(m); err != nil || !again.Equal(first) {
			t.Fatalf("encoded otherwise, %v", err)
		}
	}
}

func TestNilMessage(t *testing.T) {
	t.Parallel()
	p, err := protocol.Encode((*durationpb.Duration)(nil))
	if err != nil || p.Encoding() != protocol.EncodingNull {
		t.Fatalf("encoded as %s, %v", p, err)
	}
	var out *durationpb.Duration
	if err := p.Decode(&out); err != nil || out != nil {
		t.Errorf("decoded as %v, %v", out, err)
	}
}

// Other SDKs write messages as JSON.
func TestJSON(t *testing.T) {
	t.Parallel()
	p := protocol.Payload{Metadata: map[string]string{protocol.MetadataEncoding: protobuf.EncodingJSON}, Data: []byte(`"90s"`)}
	var out *durationpb.Duration
	if err := p.Decode(&out); err != nil || out.AsDuration() != 90*time.Second {
		t.Errorf("decoded as %v, %v", out, err)
	}
}

func TestMisfits(t *testing.T) {
	t.Parallel()
	p, err := protocol.Encode(durationpb.New(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var text string
	var other *structpb.Struct
	for _, ptr := range []any{&text, &other} {
		if err := p.Decode(ptr); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadPayload {
			t.Errorf("into %T: %v", ptr, err)
		}
	}
	p.Data = []byte{0xff}
	var out *durationpb.Duration
	if err := p.Decode(&out); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadPayload {
		t.Errorf("damaged: %v", err)
	}
}
