package protocol

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// types are those that a member "attributes" may have. A member "type" beside it names the one that it has. A is the interface that they
// have in common, K the type of their names.
type types[K ~string, A any] map[K]*scratch

// typesOf makes them of an empty value of each.
func typesOf[K ~string, A any](name func(A) K, lists ...[]A) types[K, A] {
	all := types[K, A]{}
	for _, zero := range slices.Concat(lists...) {
		all[name(zero)] = scratchOf(string(name(zero)), reflect.TypeOf(zero))
	}
	return all
}

// named is the name that is spelled like this. One of those that there are is not copied.
func (t types[K, A]) named(quoted jsontext.Value) K {
	text := bytes.Trim(quoted, `"`)
	if values := t[K(text)]; values != nil {
		return K(values.name)
	}
	unquoted, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		unquoted = text // it is no text at all
	}
	return K(unquoted)
}

// union reads both members, in either order.
type union[K ~string, A any] struct {
	types      types[K, A]
	name       K
	attributes A
	read       K              // the type as which they were read
	raw        jsontext.Value // they, when they came before their type
}

func (t types[K, A]) union() union[K, A] { return union[K, A]{types: t} }

// member reads one of them. Attributes that come after their type, as they should, are read in place.
func (u *union[K, A]) member(name string, dec *jsontext.Decoder) (err error) {
	switch {
	case name == "type":
		var quoted jsontext.Value
		if quoted, err = dec.ReadValue(); err == nil {
			u.name = u.types.named(quoted)
		}
	case u.known():
		err = u.decode(dec)
	default:
		u.raw, err = dec.ReadValue()
		u.raw = u.raw.Clone()
	}
	return err
}

// known reports whether the type is one of those that there are.
func (u *union[K, A]) known() bool { return u.types[u.name] != nil }

// resolve returns the attributes once both members have been read.
func (u *union[K, A]) resolve() (A, error) {
	switch {
	case u.read == u.name:
		return u.attributes, nil
	case u.raw == nil:
		return u.attributes, Errorf(CodeBadRequest, "there are no attributes of type %.80q", u.name)
	}
	err := u.decode(jsontext.NewDecoder(bytes.NewReader(u.raw), wire))
	return u.attributes, err
}

func (u *union[K, A]) decode(dec *jsontext.Decoder) error {
	values := u.types[u.name]
	p := values.borrow()
	defer values.giveBack(p)
	err := json.UnmarshalDecode(dec, p)
	u.attributes = reflect.ValueOf(p).Elem().Interface().(A) //nolint:forcetypeassert // the types implement A
	u.read = u.name
	return err
}
