package machine

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// A table and its forks are maps, whatever is done to them, few entries or many; a fork's changes do not reach its base.
func TestTableIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bases := []*table[int, int]{{}}
		want := []map[int]int{{}}
		keys := rapid.IntRange(0, rapid.SampledFrom([]int{3, 40}).Draw(t, "most"))
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			top := len(bases) - 1
			k := keys.Draw(t, "key")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				if top < 3 {
					fork := bases[top].fork()
					bases, want = append(bases, &fork), append(want, maps.Clone(want[top]))
				}
			case 1, 2, 3:
				bases[top].del(k)
				delete(want[top], k)
			default:
				v := rapid.Int().Draw(t, "value")
				bases[top].put(k, v)
				want[top][k] = v
			}
		}
		for i, table := range bases {
			got := map[int]int{}
			table.each(func(k, v int) {
				if _, twice := got[k]; twice {
					t.Errorf("key %d comes twice", k)
				}
				got[k] = v
			})
			if !maps.Equal(got, want[i]) {
				t.Errorf("fork %d has %v, want %v", i, got, want[i])
			}
			for k := range 41 {
				v, ok := table.get(k)
				if w, has := want[i][k]; ok != has || v != w || table.has(k) != has {
					t.Errorf("fork %d has %d, %v under %d", i, v, ok, k)
				}
			}
		}
		if bases[0].size() != len(want[0]) {
			t.Errorf("the size is %d, want %d", bases[0].size(), len(want[0]))
		}
	})
}
