package protocol

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What the engine reads of payloads, events and commands it reads member by member. As structs within the message around them they would
// take a kilobyte more of stack each, and a goroutine that begins with a message has to grow its stack, at the price of several messages.

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
