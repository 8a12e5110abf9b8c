package protocol

import "fmt"

// Converter turns values of some Go types into payloads and back, in place of JSON.
type Converter interface {
	// Encoding is what its payloads have in their metadata under [MetadataEncoding].
	Encoding() string
	// Encode makes a payload of v; ok is false when v is of no type that it knows.
	Encode(v any) (p Payload, ok bool, err error)
	// Decode stores the value of a payload of its encoding in what ptr points to.
	Decode(p Payload, ptr any) error
}

var converters []Converter

// RegisterConverter adds a converter to this program. It is for the init function of the converter's package, as it is with package
// image and its formats: a program that can read an encoding can do so wherever it meets it, and one that imports no converter links
// none. The first converter that knows a type encodes it.
func RegisterConverter(c Converter) {
	if KnownEncoding(c.Encoding()) {
		panic(fmt.Sprintf("protocol: there are two converters for %s", c.Encoding()))
	}
	converters = append(converters, c)
}

// KnownEncoding reports whether this program can decode payloads of an encoding. One that it does not know was written by a codec that
// the program was not given, or by a converter that it does not import.
func KnownEncoding(encoding string) bool {
	switch encoding {
	case EncodingJSON, EncodingBinary, EncodingNull:
		return true
	}
	return converterOf(encoding) != nil
}

func converterOf(encoding string) Converter {
	for _, c := range converters {
		if c.Encoding() == encoding {
			return c
		}
	}
	return nil
}

// Readable reports a payload that this program cannot decode, and what it lacks. A payload that was not fetched is not looked at.
func (p Payload) Readable() error {
	if p.IsZero() || KnownEncoding(p.Encoding()) {
		return nil
	}
	what := p.Encoding()
	if key := p.Metadata["key"]; key != "" {
		what += " with key " + key
	}
	return Errorf(CodeBadPayload, "a payload is encoded as %s, which this program cannot read", what).
		WithHint("give the worker and the client the codecs that it was written with (worker.Codec, client.Codec), or import its converter")
}
