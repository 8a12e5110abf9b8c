package protocol

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	stdjson "encoding/json"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Encodings of a payload's data, as named in its metadata under [MetadataEncoding].
const (
	EncodingJSON   = "json/plain"   // data is a JSON value, embedded as JSON; the default when metadata is absent
	EncodingBinary = "binary/plain" // data is raw bytes, base64 in JSON
	EncodingNull   = "binary/null"  // no data: Go nil
)

// MetadataEncoding is the metadata key that names how a payload's data is encoded.
const MetadataEncoding = "encoding"

// Payload is one user value on the wire: metadata that says how to read it, and the data or a reference to it.
//
// In JSON a payload of encoding json/plain is {"data": <the value itself>}; any other is
// {"metadata": {"encoding": ...}, "data": "<base64>"}; a large one is {"blob": {...}} without data.
type Payload struct {
	// Metadata describes the data. Nil means {"encoding": "json/plain"}.
	Metadata map[string]string
	// Data is the encoded value. For json/plain it is compact JSON.
	Data []byte
	// Blob, when set, says that the data lies in the namespace's object store; Data is then empty.
	Blob *Blob
}

// Encode turns a Go value into a payload: []byte as raw bytes, a [Payload] as itself, what a [Converter] knows as the converter does, and
// everything else as JSON.
func Encode(v any) (Payload, error) {
	switch v := v.(type) {
	case Payload:
		return v, nil
	case []byte:
		if v == nil {
			return Payload{Metadata: map[string]string{MetadataEncoding: EncodingNull}}, nil
		}
		return Payload{Metadata: map[string]string{MetadataEncoding: EncodingBinary}, Data: v}, nil
	}
	for _, c := range converters {
		if p, ok, err := c.Encode(v); ok || err != nil {
			return p, err
		}
	}
	data, err := marshalValue(v)
	if err != nil {
		return Payload{}, Errorf(CodeBadPayload, "a value of type %T cannot be encoded as JSON: %v", v, err).
			WithHint("use exported fields of plain types, or implement json.Marshaler")
	}
	return Payload{Data: data}, nil
}

// JSONPayload wraps a JSON document that already is one, such as a CLI argument. It reports an error if data is not JSON.
func JSONPayload(data []byte) (Payload, error) {
	c, err := compact(data)
	if err != nil {
		return Payload{}, Errorf(CodeBadPayload, "the input is not JSON: %v", err).
			WithHint(`quote strings inside the shell's quotes: '"Ada"' is a JSON string, Ada is not`)
	}
	return Payload{Data: c}, nil
}

// Encoding names how Data is encoded.
func (p Payload) Encoding() string {
	if e, ok := p.Metadata[MetadataEncoding]; ok {
		return e
	}
	return EncodingJSON
}

// IsZero reports whether the payload carries nothing at all, which is how "no input" travels.
func (p *Payload) IsZero() bool {
	return p.Blob == nil && len(p.Data) == 0 && len(p.Metadata) == 0
}

// Decode stores the payload's value in what ptr points to. A payload that carries nothing leaves it untouched.
func (p Payload) Decode(ptr any) error {
	if raw, ok := ptr.(*Payload); ok {
		*raw = p
		return nil
	}
	if p.Blob != nil {
		return Errorf(CodeBadPayload, "the payload lies in the object store as %q and was not fetched", p.Blob.Name)
	}
	switch p.Encoding() {
	case EncodingNull:
		return nil
	case EncodingBinary:
		b, ok := ptr.(*[]byte)
		if !ok {
			return Errorf(CodeBadPayload, "raw bytes cannot be decoded into %T", ptr).
				WithHint("declare the parameter as []byte")
		}
		*b = p.Data
		return nil
	case EncodingJSON:
		return p.decodeJSON(ptr)
	}
	if c := converterOf(p.Encoding()); c != nil {
		return c.Decode(p, ptr)
	}
	return p.Readable()
}

func (p Payload) decodeJSON(ptr any) error {
	if len(p.Data) == 0 {
		return nil
	}
	if err := stdjson.Unmarshal(p.Data, ptr); err != nil {
		return Errorf(CodeBadPayload, "the payload does not fit %T: %v", ptr, err).
			WithHint("compare the types on both sides; the payload begins %.80s", p.Data)
	}
	return nil
}

// Digest identifies the value: the hex SHA-256 of its data, wherever the data lies.
// Replay compares digests, so that a payload recorded by reference equals the same value made again by code.
func (p Payload) Digest() string {
	if p.Blob != nil {
		return p.Blob.SHA256
	}
	sum := sha256.Sum256(p.Data)
	return hex.EncodeToString(sum[:])
}

// Equal reports whether two payloads carry the same encoding and the same bytes.
func (p Payload) Equal(q Payload) bool {
	if p.Encoding() != q.Encoding() {
		return false
	}
	if p.Blob == nil && q.Blob == nil {
		return bytes.Equal(p.Data, q.Data)
	}
	return p.Digest() == q.Digest()
}

// String shows the payload to a person: JSON as it is, anything else by size.
func (p Payload) String() string {
	switch {
	case p.Blob != nil && p.Metadata["key"] != "":
		return fmt.Sprintf("blob %s (%s key %s, %d bytes)", p.Blob.Name, p.Encoding(), p.Metadata["key"], p.Blob.Size)
	case p.Blob != nil:
		return fmt.Sprintf("blob %s (%d bytes)", p.Blob.Name, p.Blob.Size)
	case p.Encoding() == EncodingJSON:
		return string(p.Data)
	case p.Encoding() == EncodingNull:
		return "null"
	}
	if key := p.Metadata["key"]; key != "" {
		return fmt.Sprintf("%s key %s (%d bytes)", p.Encoding(), key, len(p.Data))
	}
	return fmt.Sprintf("%s (%d bytes)", p.Encoding(), len(p.Data))
}

// MarshalJSON embeds a JSON value as JSON and everything else as base64.
func (p Payload) MarshalJSON() ([]byte, error) { return Marshal(p) }

// MarshalJSONTo is MarshalJSON for an encoder.
func (p Payload) MarshalJSONTo(enc *jsontext.Encoder) error {
	return marshalTo(enc, &p)
}

// UnmarshalJSON reads what MarshalJSON wrote. JSON data is compacted, so that its digest does not depend on white space.
func (p *Payload) UnmarshalJSON(b []byte) error { return Unmarshal(b, p) }

var payloadMembers = []string{"data", "metadata", "blob"}

// UnmarshalJSONFrom is UnmarshalJSON for a decoder.
func (p *Payload) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*p = Payload{}
	if dec.PeekKind() == 'n' {
		return dec.SkipValue()
	}
	var data jsontext.Value
	err := readObject(dec, payloadMembers, func(name string) (err error) {
		switch name {
		case "metadata":
			return json.UnmarshalDecode(dec, &p.Metadata)
		case "blob":
			return json.UnmarshalDecode(dec, &p.Blob)
		}
		data, err = dec.ReadValue()
		data = data.Clone()
		return err
	})
	switch {
	case err != nil || len(data) == 0:
		return err
	case p.Encoding() != EncodingJSON:
		return Unmarshal(data, &p.Data)
	case bytes.ContainsAny(data, " \t\r\n"): // between the tokens, or in a string, where it stays
		err = data.Compact()
	}
	p.Data = data
	return err
}
