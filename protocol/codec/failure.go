package codec

import "github.com/millrace-dev/millrace/protocol"

// hidden is what a failure says to those who have not the codec. Its type and what kind of failure it is stay readable: retry policies
// go by them.
const hidden = "encoded failure"

// attributes are the parts of a failure that may quote what a user sent. The names are Temporal's.
type attributes struct {
	Message string `json:"message"`
	Stack   string `json:"stack_trace,omitempty"`
}

// hide moves the message and the stack of a failure into a payload, which is encoded like any other.
func hide(f *protocol.Failure) error {
	if f.Encoded != nil {
		return nil
	}
	p, err := protocol.Encode(attributes{Message: f.Message, Stack: f.Stack})
	if err != nil {
		return err
	}
	f.Message, f.Stack, f.Encoded = hidden, "", &p
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
