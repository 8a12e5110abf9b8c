package protocol

import (
	"bytes"
	stdjson "encoding/json"
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
func Marshal(v any) ([]byte, error) { return json.Marshal(v, wire) }

// Unmarshal reads what [Marshal] wrote, or somebody who follows PROTOCOL.md.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v, wire) }

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

// valueWriterKeeps is how large a buffer may become and be used again.
const valueWriterKeeps = 64 << 10

// marshalValue writes a value of a user's type as compact JSON, as encoding/json does but for the escaping.
func marshalValue(v any) ([]byte, error) {
	w := valueWriters.Get().(*valueWriter) //nolint:forcetypeassert // nothing else is in there
	w.buf.Reset()
	if err := w.enc.Encode(v); err != nil {
		return nil, err
	}
	data := bytes.Clone(bytes.TrimSuffix(w.buf.Bytes(), []byte("\n")))
	if w.buf.Cap() <= valueWriterKeeps {
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
