package protocol

import (
	"bytes"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// union is a value of one of several types, named by a member "type" that stands beside it in the same object. A is the interface that
// the types have in common, K the type of their names.
type union[K ~string, A any] struct {
	types types[K]
	name  *K // the member beside it
	value A
	read  K              // the type as which value was read
	raw   jsontext.Value // the value, when it came before its type
}

// types are those that a union may have.
type types[K ~string] map[K]*scratch

// MarshalJSONTo writes the value.
func (u *union[K, A]) MarshalJSONTo(enc *jsontext.Encoder) error {
	values := u.types[*u.name]
	p := values.borrow()
	defer values.giveBack(p)
	reflect.ValueOf(p).Elem().Set(reflect.ValueOf(u.value))
	return json.MarshalEncode(enc, p)
}

// UnmarshalJSONFrom reads the value in place if its type came before it, as it should, and keeps it else.
func (u *union[K, A]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if u.types[*u.name] != nil {
		return u.decode(dec)
	}
	raw, err := dec.ReadValue()
	u.raw = raw.Clone()
	return err
}

// resolve returns the value once the object around it has been read, and its type is known to be one of the union's.
func (u *union[K, A]) resolve() (A, error) {
	switch {
	case u.read == *u.name:
		return u.value, nil
	case u.raw == nil:
		return u.value, Errorf(CodeBadRequest, "there are no attributes of type %q", *u.name)
	}
	err := u.decode(jsontext.NewDecoder(bytes.NewReader(u.raw), wire))
	return u.value, err
}

func (u *union[K, A]) decode(dec *jsontext.Decoder) error {
	values := u.types[*u.name]
	p := values.borrow()
	defer values.giveBack(p)
	err := json.UnmarshalDecode(dec, p)
	u.value = reflect.ValueOf(p).Elem().Interface().(A) //nolint:forcetypeassert // the types of a union implement A
	u.read = *u.name
	return err
}
