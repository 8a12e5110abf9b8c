package protocol

import (
	"reflect"

	"github.com/go-json-experiment/json"
)

// CommandTypes lists every command type that this version knows.
func CommandTypes() []CommandType {
	types := make([]CommandType, 0, len(commandTypes))
	for t := range commandTypes {
		types = append(types, t)
	}
	return types
}

// Formed reports whether values of a type are written and read by a form, and not left to the JSON engine.
func Formed(t reflect.Type) bool { return formOf(t).shape != other }

// ReadByForm reads data as the form of what ptr points to says, and reports whether it looks like that.
func ReadByForm(data []byte, ptr any) bool {
	v := reflect.ValueOf(ptr).Elem()
	return read(formOf(v.Type()), v, data)
}

// ReadByEngine reads data as the JSON engine does.
func ReadByEngine(data []byte, ptr any) error { return json.Unmarshal(data, ptr, wire) }
