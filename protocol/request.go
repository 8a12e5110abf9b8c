package protocol

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// UnmarshalRequest reads a request. Its error says what is wrong with it to whoever wrote it, who need not know Go.
func UnmarshalRequest(data []byte, v any) error {
	if err := Shallow(data); err != nil {
		return err
	}
	if err := Unmarshal(data, v); err != nil {
		return Errorf(CodeBadRequest, "the request cannot be read: %s", misfit(err)).
			WithHint("send one JSON object; section 8 of PROTOCOL.md shows every request")
	}
	return nil
}

// UnmarshalTask reads a task, and reports what is wrong with it.
func UnmarshalTask(data []byte, task interface{ Validate() error }) error {
	if err := Unmarshal(data, task); err != nil {
		return Errorf(CodeBadRequest, "the task cannot be read: %s", misfit(err)).WithHint("PROTOCOL.md shows every body")
	}
	return task.Validate()
}

// misfit says in words what is wrong with some JSON: which member, what it must be, and what it is. The engine's errors name the types of
// Go programs.
func misfit(err error) string {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(syntax, io.ErrUnexpectedEOF) {
			return fmt.Sprintf("it ends in the middle, after %d bytes", syntax.ByteOffset)
		}
		return fmt.Sprintf("%s is no JSON: %v, after %d bytes", member(syntax.JSONPointer), syntax.Err, syntax.ByteOffset)
	}
	wrong, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return err.Error()
	}
	name := member(wrong.JSONPointer)
	switch {
	case errors.Is(wrong.Err, strconv.ErrRange):
		return fmt.Sprintf("%s must be %s, and %.40s is too large", name, kindOf(wrong.GoType), wrong.JSONValue)
	case wrong.JSONKind == '0' && len(wrong.JSONValue) > 0:
		return fmt.Sprintf("%s must be %s, not %.40s", name, kindOf(wrong.GoType), wrong.JSONValue)
	case wrong.JSONKind != 0 && wrong.GoType != nil:
		return fmt.Sprintf("%s must be %s, not %s", name, kindOf(wrong.GoType), kinds[wrong.JSONKind])
	case wrong.Err != nil:
		return fmt.Sprintf("%s: %s", name, misfit(wrong.Err))
	}
	return name + " cannot be read"
}

// member names a member for people.
func member(p jsontext.Pointer) string {
	if p == "" {
		return "it"
	}
	var path []string
	for token := range p.Tokens() {
		path = append(path, token)
	}
	return strconv.Quote(strings.Join(path, "."))
}

// kinds are the kinds of JSON values, for people.
var kinds = map[jsontext.Kind]string{
	'n': "null", 'f': "a truth value", 't': "a truth value", '"': "a string", '0': "a number", '{': "an object", '[': "an array",
}

// kindOf says what a value must be in JSON to fit a type.
func kindOf(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return `a time such as "2026-11-23T12:00:00Z"`
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "a whole number"
	}
}
