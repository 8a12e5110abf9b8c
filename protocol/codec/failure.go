package codec

import (
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// hidden is what a failure says to those who have not the codec. Its type and what kind of failure it is stay readable: retry policies
// go by them.
const hidden = "encoded failure"

// attributes are the parts of a failure that may quote what a user sent. The names are Temporal's.
type attributes struct {
	Message string `json:"message"`
	Stack   string `json:"stack_trace,omitempty"`
}

// kept is how much of a message that is too long for a record stays readable there.
const kept = 1 << 10

// secret reports whether failures are encoded.
func (e Edge) secret() bool { return e.Failures && e.Codec != nil }

// hides reports whether the message and the stack of a failure do not travel as they are: they are a secret, or too long.
func (e Edge) hides(f *protocol.Failure) bool {
	return f.Encoded == nil && (e.secret() || len(f.Message)+len(f.Stack) > e.Threshold)
}

// hide moves the message and the stack of a failure into a payload, which is encoded, and stored, like any other.
func (e Edge) hide(f *protocol.Failure) error {
	if !e.hides(f) {
		return nil
	}
	p, err := protocol.Encode(attributes{Message: f.Message, Stack: f.Stack})
	if err != nil {
		return err
	}
	short := hidden
	if !e.secret() {
		short = f.Message
		if len(short) > kept {
			short = strings.ToValidUTF8(short[:kept], "") + "..."
		}
	}
	f.Message, f.Stack, f.Encoded = short, "", &p
	return nil
}

// reveal undoes hide, once the payload is decoded.
func reveal(f *protocol.Failure) error {
	if f.Encoded == nil || f.Encoded.Encoding() != protocol.EncodingJSON || f.Encoded.Blob != nil {
		return nil
	}
	var a attributes
	if err := f.Encoded.Decode(&a); err != nil {
		return err
	}
	f.Message, f.Stack, f.Encoded = a.Message, a.Stack, nil
	return nil
}
