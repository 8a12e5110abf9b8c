package protocol

import "bytes"

// maxNesting is how deep the JSON may be that comes from outside. The engine reads and writes twice that, so that what was taken can be
// put into a record, a task or an answer, and wrapped in failures, and still be read.
const maxNesting = 5_000

// Shallow reports, as an error, that a body from outside is nested too deep to be passed on.
func Shallow(data []byte) error {
	if bytes.Count(data, []byte{'{'})+bytes.Count(data, []byte{'['}) <= maxNesting {
		return nil // most bodies; it counts those in strings, too
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > maxNesting {
			return Errorf(CodeBadRequest, "the JSON is nested more than %d deep", maxNesting).
				WithHint("pass what is nested that deep as bytes")
		}
	}
	return nil
}
