// Package protobuf lets messages of Protocol Buffers be inputs and results: importing it is all there is to do.
//
//	import _ "github.com/millrace-dev/millrace/protocol/protobuf"
//
//	func Charge(ctx context.Context, in *shoppb.Charge) (*shoppb.Receipt, error)
//
// Messages are written in the binary format, with fields in a fixed order, because replay compares what code asks for byte by byte. That
// order may change with a new version of the protobuf library: a run that is open meanwhile, and whose next replay makes a message with
// maps or extensions anew, may then be told apart from its history. JSON of messages (json/protobuf) is read as well.
package protobuf

import (
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/millrace-dev/millrace/protocol"
)

// Encodings of messages. The names are Temporal's.
const (
	EncodingBinary = "binary/protobuf"
	EncodingJSON   = "json/protobuf"
)

// MetadataType is the metadata key that names the message.
const MetadataType = "messageType"

func init() { //nolint:gochecknoinits // importing the package is what registers it
	protocol.RegisterConverter(converter{})
	protocol.RegisterConverter(jsonConverter{})
}

type converter struct{}

// Encoding implements [protocol.Converter].
func (converter) Encoding() string { return EncodingBinary }

// Encode implements [protocol.Converter].
func (converter) Encode(v any) (protocol.Payload, bool, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return protocol.Payload{}, false, nil
	}
	if reflect.ValueOf(m).IsNil() {
		return protocol.Null(), true, nil
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return protocol.Payload{}, true, protocol.Errorf(protocol.CodeBadPayload, "a message of type %T cannot be encoded: %v", v, err)
	}
	name := string(m.ProtoReflect().Descriptor().FullName())
	meta := map[string]string{protocol.MetadataEncoding: EncodingBinary, MetadataType: name}
	return protocol.Payload{Metadata: meta, Data: data}, true, nil
}

// Decode implements [protocol.Converter].
func (converter) Decode(p protocol.Payload, ptr any) error { return decode(p, ptr, proto.Unmarshal) }

// jsonConverter reads what other SDKs write.
type jsonConverter struct{}

// Encoding implements [protocol.Converter].
func (jsonConverter) Encoding() string { return EncodingJSON }

// Encode implements [protocol.Converter].
func (jsonConverter) Encode(any) (protocol.Payload, bool, error) {
	return protocol.Payload{}, false, nil
}

// Decode implements [protocol.Converter].
func (jsonConverter) Decode(p protocol.Payload, ptr any) error {
	return decode(p, ptr, protojson.Unmarshal)
}

func decode(p protocol.Payload, ptr any, unmarshal func([]byte, proto.Message) error) error {
	m, ok := message(ptr)
	if !ok {
		return protocol.Errorf(protocol.CodeBadPayload, "a message %s cannot be decoded into %T", p.Metadata[MetadataType], ptr).
			WithHint("declare the parameter as a pointer to the generated struct")
	}
	if want := string(m.ProtoReflect().Descriptor().FullName()); p.Metadata[MetadataType] != "" && p.Metadata[MetadataType] != want {
		return protocol.Errorf(protocol.CodeBadPayload, "the payload is a message %s, not %s", p.Metadata[MetadataType], want)
	}
	if err := unmarshal(p.Data, m); err != nil {
		return fmt.Errorf("the payload does not fit %T: %w", m, protocol.Errorf(protocol.CodeBadPayload, "%v", err))
	}
	return nil
}

// message is the message that ptr points to: ptr itself, or a new one when ptr points to a pointer, as it does for a parameter.
func message(ptr any) (proto.Message, bool) {
	if m, ok := ptr.(proto.Message); ok {
		return m, true
	}
	v := reflect.ValueOf(ptr)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Pointer {
		return nil, false
	}
	fresh := reflect.New(v.Type().Elem().Elem())
	m, ok := reflect.TypeAssert[proto.Message](fresh)
	if ok {
		v.Elem().Set(fresh)
	}
	return m, ok
}
