package machine

// few is a map that is a list while it is short: most runs wait for one thing or two, and a map for them takes several times the space and
// the time. The zero value is empty.
type few[K comparable, V any] struct {
	list []entry[K, V]
	all  map[K]V // in place of the list, once that was too long
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// fewAtMost is how long the list becomes.
const fewAtMost = 8

func (f *few[K, V]) size() int { return len(f.list) + len(f.all) }

func (f *few[K, V]) get(k K) (v V, ok bool) {
	if f.all != nil {
		v, ok = f.all[k]
		return v, ok
	}
	if i := f.index(k); i >= 0 {
		return f.list[i].value, true
	}
	return v, false
}

func (f *few[K, V]) index(k K) int {
	for i := range f.list {
		if f.list[i].key == k {
			return i
		}
	}
	return -1
}

func (f *few[K, V]) put(k K, v V) {
	if f.all != nil {
		f.all[k] = v
		return
	}
	if i := f.index(k); i >= 0 {
		f.list[i].value = v
		return
	}
	if len(f.list) < fewAtMost {
		f.list = append(f.list, entry[K, V]{k, v})
		return
	}
	f.all = make(map[K]V, 2*fewAtMost)
	for _, e := range f.list {
		f.all[e.key] = e.value
	}
	f.all[k], f.list = v, nil
}

func (f *few[K, V]) del(k K) {
	if f.all != nil {
		delete(f.all, k)
		return
	}
	if i := f.index(k); i >= 0 {
		last := len(f.list) - 1
		f.list[i] = f.list[last]
		f.list[last] = entry[K, V]{} // for the collector
		f.list = f.list[:last]
	}
}

// each calls f for every entry, in no particular order.
func (f *few[K, V]) each(do func(K, V)) {
	for _, e := range f.list {
		do(e.key, e.value)
	}
	for k, v := range f.all {
		do(k, v)
	}
}
