package protocol

import (
	"cmp"
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// A form is how the values of a Go type look as JSON. The messages of this package are nearly all alike: written by this package, without
// white space, each member in its place and none that is not known. Such a message is written and read by the forms of its types, in a
// third of the time that the JSON engine takes. What is not of that kind is left to the engine: values that have no form when a message
// is written, and when one is read that looks any different, all of it. So forms need not know what a mistake is.
type form struct {
	shape  shape
	elem   *form   // of what a pointer points to, or of each element of a list
	fields []field // of an object
}

type shape int

const (
	other shape = iota // the engine knows
	text
	whole    // a number without a fraction
	natural  // and without a sign
	fraction // a number
	truth
	moment  // a time
	span    // a [Duration]
	payload // a [Payload]
	event   // an [Event]
	command // a [Command]
	pointer
	list
	object
)

// field is a member of an object.
type field struct {
	start string // its name and the colon
	index int    // in the Go type
	omit  omission
	form  *form
}

// omission says when a member is left out.
type omission int

const (
	never omission = iota
	whenEmpty
	whenZero
)

var forms sync.Map // of a reflect.Type: its *form

func formOf(t reflect.Type) *form {
	if f, ok := forms.Load(t); ok {
		return f.(*form) //nolint:forcetypeassert // nothing else is in there
	}
	made := map[reflect.Type]*form{}
	f := formIn(made, t)
	for t, f := range made {
		forms.LoadOrStore(t, f)
	}
	return f
}

// formIn makes the form of a type. Those that are being made are not made again: types may contain themselves.
func formIn(made map[reflect.Type]*form, t reflect.Type) *form {
	if f := made[t]; f != nil {
		return f
	}
	f := &form{}
	made[t] = f
	switch {
	case shapes[t] != other:
		f.shape = shapes[t]
	case t.Kind() == reflect.Pointer:
		f.shape, f.elem = pointer, formIn(made, t.Elem())
	case speaksForItself(t):
	case kindShapes[t.Kind()] != other:
		f.shape = kindShapes[t.Kind()]
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		f.shape, f.elem = list, formIn(made, t.Elem())
	case t.Kind() == reflect.Struct:
		if fields, ok := fieldsIn(made, t); ok {
			f.shape, f.fields = object, fields
		}
	}
	return f
}

var shapes = map[reflect.Type]shape{
	reflect.TypeFor[time.Time](): moment, reflect.TypeFor[Duration](): span, reflect.TypeFor[Payload](): payload,
	reflect.TypeFor[Event](): event, reflect.TypeFor[Command](): command,
}

var kindShapes = map[reflect.Kind]shape{
	reflect.String: text, reflect.Bool: truth, reflect.Int: whole, reflect.Int64: whole, reflect.Uint64: natural, reflect.Float64: fraction,
}

// own are the methods with which a type says how it is written or read.
var own = []reflect.Type{
	reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[json.UnmarshalerFrom](),
	reflect.TypeFor[stdjson.Marshaler](), reflect.TypeFor[stdjson.Unmarshaler](),
	reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

func speaksForItself(t reflect.Type) bool {
	for _, methods := range own {
		if reflect.PointerTo(t).Implements(methods) {
			return true
		}
	}
	return false
}

// fieldsIn makes the fields of a struct, if they are plain ones.
func fieldsIn(made map[reflect.Type]*form, t reflect.Type) (fields []field, ok bool) {
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		if tag == "-" && f.IsExported() {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		start := strconv.Quote(cmp.Or(name, f.Name)) + ":"
		omit, known := map[string]omission{"": never, "omitempty": whenEmpty, "omitzero": whenZero}[option]
		twice := slices.ContainsFunc(fields, func(other field) bool { return other.start == start })
		if f.Anonymous || !f.IsExported() || twice || !known || omit == whenZero && saysWhenZero(f.Type) {
			return nil, false
		}
		fields = append(fields, field{start: start, index: f.Index[0], omit: omit, form: formIn(made, f.Type)})
	}
	return fields, true
}

// saysWhenZero reports whether a type has an opinion of its own on what its zero values are that no form knows.
func saysWhenZero(t reflect.Type) bool {
	return shapes[t] == other && reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ IsZero() bool }]())
}

// omits reports whether a value is left out.
func (f *field) omits(v reflect.Value) bool {
	switch {
	case f.omit == never:
		return false
	case f.omit == whenZero && f.form.shape == payload:
		p, _ := reflect.TypeAssert[Payload](v)
		return p.IsZero()
	case f.omit == whenZero && f.form.shape == moment:
		t, _ := reflect.TypeAssert[time.Time](v)
		return t.IsZero()
	case f.omit == whenZero:
		return v.IsZero()
	}
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}
