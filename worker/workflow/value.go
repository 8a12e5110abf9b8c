package workflow

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// Key names a value of type T that a Context carries. Declare it once, as a package variable: two keys are never the same.
type Key[T any] struct{ id *string }

// NewKey makes a key. The name is for people.
func NewKey[T any](name string) Key[T] { return Key[T]{id: &name} }

// String is the key's name.
func (k Key[T]) String() string { return *k.id }

// value is one that a Context carries, and those that it carried before.
type value struct {
	key   *string
	value any
	next  *value
}

// WithValue returns a context that carries v.
func WithValue[T any](ctx Context, key Key[T], v T) Context {
	ctx.values = &value{key: key.id, value: v, next: ctx.values}
	return ctx
}

// Value returns what ctx carries under the key, and whether it carries anything.
func (k Key[T]) Value(ctx Context) (T, bool) {
	for v := ctx.values; v != nil; v = v.next {
		if v.key == k.id {
			out, ok := v.value.(T)
			return out, ok
		}
	}
	var zero T
	return zero, false
}

// Sorted iterates over a map in the order of its keys, the same each time the code runs. range over the map itself is not.
func Sorted[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if v, ok := m[k]; ok && !yield(k, v) {
				return
			}
		}
	}
}
