package codec

import (
	"maps"
	"reflect"
	"sync"

	"github.com/millrace-dev/millrace/protocol"
)

// walker changes every payload in a value, wherever it lies: in fields, lists, maps, events, commands and failures. It is written with
// reflection so that a payload in a new event or command cannot be forgotten, which would be a secret in plain text.
//
// What pointers, lists and maps refer to is copied before it is changed: the value may share it with a run in the cache.
type walker struct {
	payload func(protocol.Payload) (protocol.Payload, error)
	// failure, when set, changes a failure itself, after the payloads in it when they are opened, and before when they are sealed.
	before, after func(*protocol.Failure) error
	// wants reports whether payload would change p. What holds no such payload is not copied.
	wants func(p protocol.Payload) bool
	// wantsFailure is wants for failures.
	wantsFailure func(f *protocol.Failure) bool
}

var (
	payloadType = reflect.TypeFor[protocol.Payload]()
	failureType = reflect.TypeFor[protocol.Failure]()
	// plain is what is looked at by orchestrators, so that it can be found: it is never encoded.
	plain = map[string]bool{"SearchAttributes": true}
)

// walk changes the payloads in what ptr points to.
func (w *walker) walk(ptr any) error {
	v := reflect.ValueOf(ptr).Elem()
	if !w.wanted(v, shapeOf(v.Type())) {
		return nil
	}
	return w.change(v)
}

// change changes the payloads in v, which can be set and holds one to change.
func (w *walker) change(v reflect.Value) error {
	switch {
	case v.Type() == payloadType:
		p := v.Addr().Interface().(*protocol.Payload) //nolint:forcetypeassert // it is one
		q, err := w.payload(*p)
		if err == nil {
			*p = q
		}
		return err
	case v.Type() == failureType:
		return w.changeFailure(v)
	}
	switch v.Kind() { //nolint:exhaustive // others hold no payload
	case reflect.Pointer, reflect.Interface:
		target := v.Elem()
		if v.Kind() == reflect.Interface && target.Kind() != reflect.Struct {
			return nil
		}
		fresh := reflect.New(target.Type())
		fresh.Elem().Set(target)
		if err := w.change(fresh.Elem()); err != nil {
			return err
		}
		if v.Kind() == reflect.Interface {
			fresh = fresh.Elem()
		}
		v.Set(fresh)
	case reflect.Struct:
		return w.changeFields(v)
	case reflect.Slice:
		return w.changeList(v)
	case reflect.Map:
		return w.changeMap(v)
	}
	return nil
}

func (w *walker) changeFailure(v reflect.Value) error {
	f := v.Addr().Interface().(*protocol.Failure) //nolint:forcetypeassert // it is one
	if w.before != nil {
		if err := w.before(f); err != nil {
			return err
		}
	}
	if err := w.changeFields(v); err != nil {
		return err
	}
	if w.after != nil {
		return w.after(f)
	}
	return nil
}

func (w *walker) changeFields(v reflect.Value) error {
	for _, f := range shapeOf(v.Type()).fields {
		if field := v.Field(f.index); w.wanted(field, f.shape) {
			if err := w.change(field); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) changeList(v reflect.Value) error {
	fresh, elem := reflect.MakeSlice(v.Type(), v.Len(), v.Len()), shapeOf(v.Type()).elem
	reflect.Copy(fresh, v)
	for i := range fresh.Len() {
		if e := fresh.Index(i); w.wanted(e, elem) {
			if err := w.change(e); err != nil {
				return err
			}
		}
	}
	v.Set(fresh)
	return nil
}

func (w *walker) changeMap(v reflect.Value) error {
	m, ok := reflect.TypeAssert[map[string]protocol.Payload](v)
	if !ok {
		return nil
	}
	m = maps.Clone(m)
	for k, p := range m {
		if !w.wants(p) {
			continue
		}
		q, err := w.payload(p)
		if err != nil {
			return err
		}
		m[k] = q
	}
	v.Set(reflect.ValueOf(m))
	return nil
}

// wanted reports whether v, which has a shape, holds a payload or a failure to change.
func (w *walker) wanted(v reflect.Value, s *shape) bool {
	switch {
	case s == nil:
		return false
	case s.of == payloadType:
		p, _ := reflect.TypeAssert[protocol.Payload](v)
		return w.wants(p)
	case s.of == failureType && w.wantsFailure(v.Addr().Interface().(*protocol.Failure)): //nolint:forcetypeassert // it is one
		return true
	}
	switch v.Kind() { //nolint:exhaustive // others hold no payload
	case reflect.Pointer:
		return !v.IsNil() && w.wanted(v.Elem(), s.elem)
	case reflect.Interface:
		return !v.IsNil() && w.wanted(v.Elem(), shapeOf(v.Elem().Type()))
	case reflect.Struct:
		for _, f := range s.fields {
			if w.wanted(v.Field(f.index), f.shape) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if w.wanted(v.Index(i), s.elem) {
				return true
			}
		}
	case reflect.Map:
		m, _ := reflect.TypeAssert[map[string]protocol.Payload](v)
		for _, p := range m {
			if w.wants(p) {
				return true
			}
		}
	}
	return false
}

// shape says where in the values of a type payloads may lie. That of a type which holds none is nil.
type shape struct {
	of     reflect.Type
	fields []field // of a struct: those that may hold payloads
	elem   *shape  // of what a pointer refers to, or of what is in a list
}

type field struct {
	index int
	shape *shape
}

// shapes are kept: reflect.Type -> *shape. Every message is walked, and few hold anything to change.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape) //nolint:forcetypeassert // nothing else is stored
	}
	s := describe(t, map[reflect.Type]*shape{})
	shapes.Store(t, s)
	return s
}

// describe makes the shape of a type. made are those under way: a failure may hold another one.
func describe(t reflect.Type, made map[reflect.Type]*shape) *shape {
	if s, ok := made[t]; ok || !search(t, map[reflect.Type]bool{}) {
		return s
	}
	s := &shape{of: t}
	made[t] = s
	switch t.Kind() { //nolint:exhaustive // others hold no payload
	case reflect.Pointer, reflect.Slice:
		s.elem = describe(t.Elem(), made)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !plain[f.Name] {
				if inner := describe(f.Type, made); inner != nil {
					s.fields = append(s.fields, field{i, inner})
				}
			}
		}
	}
	return s
}

// search reports whether a value of the type may hold payloads. An interface may.
func search(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == payloadType || t == failureType {
		return true
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() { //nolint:exhaustive // others hold no payload
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return search(t.Elem(), seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.IsExported() && !plain[f.Name] && search(f.Type, seen) {
				return true
			}
		}
	}
	return false
}
