package protocol

import (
	"bytes"
	stdjson "encoding/json"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// The wire is JSON as encoding/json of Go 1.26 reads and writes it, but by the engine that Go 1.27 has in its place. What belongs to users,
// the values inside payloads, is left to encoding/json itself.

// wire are the options of everything on the wire: what encoding/json does, but for two things. Nothing is escaped that need not be: that
// would rewrite user data that another language sent unescaped, and the digest of a payload would then differ before and after it was
// stored. And a message is read once, not checked as a whole before.
var wire = json.JoinOptions(
	jsonv1.DefaultOptionsV1(),
	jsontext.EscapeForHTML(false), jsontext.EscapeForJS(false),
	jsonv1.ReportErrorsWithLegacySemantics(false),
)

// Marshal writes v, a type of this package, as compact JSON. Everything on the wire goes through it. A pointer saves copies.
// What has a form is written by that, and else by the engine.
func Marshal(v any) ([]byte, error) {
	if value := reflect.ValueOf(v); value.IsValid() {
		if f := formOf(value.Type()); f.shape != other {
			if data, deep, err := write(f, value); !deep {
				return data, err
			}
		}
	}
	return json.Marshal(v, wire)
}

// Unmarshal reads what [Marshal] wrote, or somebody who follows PROTOCOL.md.
func Unmarshal(data []byte, v any) error {
	if ptr := reflect.ValueOf(v); ptr.Kind() == reflect.Pointer && !ptr.IsNil() {
		// What was in there before may count; the engine knows.
		if value := ptr.Elem(); value.IsZero() {
			if f := formOf(value.Type()); f.shape != other && read(f, value, data) {
				return nil
			}
			value.SetZero()
		}
	}
	return json.Unmarshal(data, v, wire)
}

// valueWriter writes values of users' types, one after the other. Only an encoder can be told not to escape.
type valueWriter struct {
	buf bytes.Buffer
	enc *stdjson.Encoder
}

var valueWriters = sync.Pool{New: func() any {
	w := &valueWriter{}
	w.enc = stdjson.NewEncoder(&w.buf)
	w.enc.SetEscapeHTML(false)
	return w
}}

// bufferKeeps is how large a buffer may become and be used again.
const bufferKeeps = 64 << 10

// marshalValue writes a value of a user's type as compact JSON, as encoding/json does but for the escaping.
func marshalValue(v any) ([]byte, error) {
	w := valueWriters.Get().(*valueWriter) //nolint:forcetypeassert // nothing else is in there
	w.buf.Reset()
	if err := w.enc.Encode(v); err != nil {
		return nil, err
	}
	data := bytes.Clone(bytes.TrimSuffix(w.buf.Bytes(), []byte("\n")))
	if w.buf.Cap() <= bufferKeeps {
		valueWriters.Put(w)
	}
	return data, nil
}

// compact returns data without insignificant white space, or an error when data is not JSON.
func compact(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	if err := stdjson.Compact(&buf, data); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
