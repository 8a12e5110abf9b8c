package docs

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// documented are the types of the JSON that the documents show. PROTOCOL.md is compared with its types in package protocol.
var documented = map[string]any{
	"protocol.ErrorAnswer": protocol.ErrorAnswer{},
	"protocol.Verdict":     protocol.Verdict{},
	"protocol.ListPage":    protocol.ListPage{},
}

var jsonBlock = regexp.MustCompile("(?s)\n```json ?([\\w.]*)\n(.*?)\n```")

// JSON in a document is JSON, and has no field that its type does not have.
func TestJSONDecodes(t *testing.T) {
	t.Parallel()
	for path, text := range pages(t) {
		if path == "PROTOCOL.md" {
			continue
		}
		for _, b := range jsonBlock.FindAllStringSubmatch(text, -1) {
			var into any
			if name := b[1]; name != "" {
				typ, ok := documented[name]
				if !ok {
					t.Errorf("%s shows a %s, of which the test does not know", path, name)
					continue
				}
				into = reflect.New(reflect.TypeOf(typ)).Interface()
			} else {
				into = new(any)
			}
			dec := json.NewDecoder(strings.NewReader(b[2]))
			dec.DisallowUnknownFields()
			if err := dec.Decode(into); err != nil {
				t.Errorf("%s: %v in\n%s", path, err, b[2])
			}
		}
	}
}
