package protocol

import (
	"reflect"
	"runtime"
	"strings"
	"sync"
)

// funcNames remembers names by the address of the code: a client asks for one with every start.
var funcNames sync.Map

var plainName = strings.NewReplacer("(*", "", "(", "", ")", "", "[...]", "")

// FuncName is the name under which a function is registered and called unless the author gives another: package and
// function, such as "shop.Checkout", or package, type and method, such as "shop.Desk.Charge". A function literal has no
// stable name and is refused.
func FuncName(f any) (string, error) {
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Func || v.IsNil() {
		return "", Errorf(CodeBadRequest, "%T is not a function", f)
	}
	if name, ok := funcNames.Load(v.Pointer()); ok {
		return name.(string), nil //nolint:forcetypeassert // only this function stores
	}
	name := runtime.FuncForPC(v.Pointer()).Name()
	name = strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "-fm")
	name = plainName.Replace(name)
	for part := range strings.SplitSeq(name, ".") {
		if rest, ok := strings.CutPrefix(part, "func"); ok && rest != "" && strings.Trim(rest, "0123456789") == "" {
			return "", Errorf(CodeBadRequest, "%s is a function literal: its name changes with the code around it", name).
				WithHint("declare it as a function, or register it with worker.Named")
		}
	}
	funcNames.Store(v.Pointer(), name)
	return name, nil
}

// Signal is a typed name: T is what the signal carries. Workflow code receives it, clients send it.
type Signal[T any] struct{ name string }

// NewSignal names a signal. Declare it once, as a package variable beside the workflow that receives it.
func NewSignal[T any](name string) Signal[T] { return Signal[T]{name: name} }

// Name is the signal's name on the wire.
func (s Signal[T]) Name() string { return s.name }

// Query is a typed name: I is what a query asks with and O what it is answered with. Workflow code answers it, clients ask it.
type Query[I, O any] struct{ name string }

// NewQuery names a query. Declare it once, as a package variable beside the workflow that answers it.
func NewQuery[I, O any](name string) Query[I, O] { return Query[I, O]{name: name} }

// Name is the query's name on the wire.
func (q Query[I, O]) Name() string { return q.name }

// QueryStack is the name of a query that every run answers: where its code waits, as text.
const QueryStack = "__stack_trace"
