package protocol

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Payloads, events and commands are written and read member by member. As structs within the message around them they would take a
// kilobyte more of stack each, and a goroutine that begins with a message has to grow its stack, at the price of several messages.

// objectWriter writes an object, and keeps the first error.
type objectWriter struct {
	enc *jsontext.Encoder
	err error
}

func writeObject(enc *jsontext.Encoder) objectWriter {
	return objectWriter{enc, enc.WriteToken(jsontext.BeginObject)}
}

func (o *objectWriter) token(t jsontext.Token) {
	if o.err == nil {
		o.err = o.enc.WriteToken(t)
	}
}

// member writes a name and a value that is one token.
func (o *objectWriter) member(name string, value jsontext.Token) {
	o.token(jsontext.String(name))
	o.token(value)
}

// raw writes a name and a value that is JSON already.
func (o *objectWriter) raw(name string, value jsontext.Value) {
	o.token(jsontext.String(name))
	if o.err == nil {
		o.err = o.enc.WriteValue(value)
	}
}

// time writes a name and a time.
func (o *objectWriter) time(name string, t time.Time) {
	text, err := t.AppendText(append(o.enc.AvailableBuffer(), '"'))
	if o.err == nil {
		o.err = err
	}
	o.raw(name, append(text, '"'))
}

// value writes a name and any value.
func (o *objectWriter) value(name string, v any) {
	o.token(jsontext.String(name))
	if o.err == nil {
		o.err = json.MarshalEncode(o.enc, v)
	}
}

func (o *objectWriter) end() error {
	o.token(jsontext.EndObject)
	return o.err
}

// readObject calls read for each member of the object that comes next and has one of the names, in capitals or not. read takes the value.
func readObject(dec *jsontext.Decoder, names []string, read func(name string) error) error {
	if kind := dec.PeekKind(); kind != '{' {
		if err := dec.SkipValue(); err != nil {
			return err
		}
		return Errorf(CodeBadRequest, "there is %s where an object should be", kinds[kind])
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if name := known(quoted, names); name != "" {
			err = read(name)
		} else {
			err = dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// known finds the name that somebody has spelled like this; "" when it is none.
func known(quoted jsontext.Value, names []string) string {
	for _, name := range names {
		if string(quoted[1:len(quoted)-1]) == name {
			return name
		}
	}
	spelled, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return ""
	}
	for _, name := range names {
		if strings.EqualFold(string(spelled), name) {
			return name
		}
	}
	return ""
}
