package protocol

import (
	"bytes"
	"encoding/json"
)

// Marshal writes v as compact JSON without escaping <, > and &.
//
// Everything on the wire goes through it. The escaping of encoding/json.Marshal would rewrite user data that another
// language sent unescaped, and the digest of a payload would then differ before and after it was stored.
func Marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// compact returns data without insignificant white space, or an error when data is not JSON.
func compact(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	if err := json.Compact(&buf, data); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
