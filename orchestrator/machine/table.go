package machine

// table is a map that can be forked in constant time. A fork sees its base and keeps its own changes to itself, so that a
// draft of a run with ten thousand pending activities costs no copy of them.
type table[K comparable, V any] struct {
	base *table[K, V]
	own  few[K, V]
	gone few[K, struct{}]
}

func (t *table[K, V]) fork() table[K, V] { return table[K, V]{base: t} }

func (t *table[K, V]) get(k K) (V, bool) {
	for {
		if v, ok := t.own.get(k); ok {
			return v, true
		}
		if _, ok := t.gone.get(k); ok || t.base == nil {
			var zero V
			return zero, false
		}
		t = t.base
	}
}

func (t *table[K, V]) has(k K) bool {
	_, ok := t.get(k)
	return ok
}

func (t *table[K, V]) put(k K, v V) {
	t.gone.del(k)
	t.own.put(k, v)
}

func (t *table[K, V]) del(k K) {
	t.own.del(k)
	if t.base != nil {
		t.gone.put(k, struct{}{})
	}
}

// size is the number of entries of a table that is no fork.
func (t *table[K, V]) size() int { return t.own.size() }

// each calls f for every entry, in no particular order.
func (t *table[K, V]) each(f func(K, V)) {
	t.own.each(f)
	if t.base == nil {
		return
	}
	t.base.each(func(k K, v V) {
		_, gone := t.gone.get(k)
		_, own := t.own.get(k)
		if !gone && !own {
			f(k, v)
		}
	})
}
