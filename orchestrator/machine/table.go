package machine

// table is a map that can be forked in constant time. A fork sees its base and keeps its own changes to itself, so that a
// draft of a run with ten thousand pending activities costs no copy of them.
type table[K comparable, V any] struct {
	base *table[K, V]
	own  map[K]V
	gone map[K]struct{}
}

func (t *table[K, V]) fork() table[K, V] { return table[K, V]{base: t} }

func (t *table[K, V]) get(k K) (V, bool) {
	if v, ok := t.own[k]; ok {
		return v, true
	}
	if _, ok := t.gone[k]; ok || t.base == nil {
		var zero V
		return zero, false
	}
	return t.base.get(k)
}

func (t *table[K, V]) has(k K) bool {
	_, ok := t.get(k)
	return ok
}

func (t *table[K, V]) put(k K, v V) {
	if t.own == nil {
		t.own = make(map[K]V)
	}
	delete(t.gone, k)
	t.own[k] = v
}

func (t *table[K, V]) del(k K) {
	delete(t.own, k)
	if t.base == nil {
		return
	}
	if t.gone == nil {
		t.gone = make(map[K]struct{})
	}
	t.gone[k] = struct{}{}
}

// each calls f for every entry, in no particular order.
func (t *table[K, V]) each(f func(K, V)) {
	for k, v := range t.own {
		f(k, v)
	}
	if t.base == nil {
		return
	}
	t.base.each(func(k K, v V) {
		_, gone := t.gone[k]
		_, own := t.own[k]
		if !gone && !own {
			f(k, v)
		}
	})
}
