package protocol_test

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

func TestShallow(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 5001) + strings.Repeat("]", 5001)
	for what, c := range map[string]struct {
		body string
		ok   bool
	}{
		"nothing":              {"", true},
		"as deep as can be":    {deep[1:10_001], true},
		"deeper":               {deep, false},
		"many side by side":    {"[" + strings.Repeat("[],", 10_000) + "1]", true},
		"brackets in a string": {`{"a":"\"` + deep + `"}`, true},
		"no JSON":              {strings.Repeat("}", 6000), true},
	} {
		if err := protocol.Shallow([]byte(c.body)); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := protocol.DecodeInput(protocol.KindSignal, []byte(`{"signal":"s","input":{"data":`+deep+`}}`))
	hasCode(t, err, protocol.CodeBadRequest)
}
