package protocol

import (
	"reflect"
	"sync"
)

// scratch lends out values of one type to read JSON into. They must be addressable, and lie on the heap for that, and a message has several
// of them that only pass through.
type scratch struct {
	name string // of the type on the wire
	typ  reflect.Type
	form func() *form // of the type
	pool sync.Pool
}

func scratchOf(name string, t reflect.Type) *scratch {
	return &scratch{name: name, typ: t, form: sync.OnceValue(func() *form { return formOf(t) })}
}

// borrow returns a pointer to a zero value.
func (s *scratch) borrow() any {
	if p := s.pool.Get(); p != nil {
		return p
	}
	return reflect.New(s.typ).Interface()
}

// giveBack takes the value back. Whoever copied it keeps what it points to.
func (s *scratch) giveBack(p any) {
	reflect.ValueOf(p).Elem().SetZero()
	s.pool.Put(p)
}
