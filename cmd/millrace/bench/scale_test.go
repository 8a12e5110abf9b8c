package bench

import (
	"slices"
	"testing"
	"time"
)

// What sleeps, what is woken and what stays in memory is measured, whatever is killed meanwhile.
func TestReportHasWhatIsHeldToALimit(t *testing.T) {
	t.Parallel()
	o := tiny(OneProcess)
	o.Only = []string{workSleepers, workTimers, workMemory}
	o.Sleepers, o.Digest, o.Settling = 40, 20, 20*time.Millisecond
	r := run(t, o)
	for _, x := range []struct {
		name string
		n    int
		most float64 // zero: it may be anything
	}{
		{"runs put to sleep", 36, 0},
		{"node's heap per sleeping run", 36, 0},
		{"first step of a new node", 40, 30},
		{"first step after everything was killed", 40, 30},
		{"lateness of timers started before the node, p99", 2, 30_000},
		{"lateness of timers started by the node, p99", 2, 30_000},
		{"memory of millrace dev, idle", 1, 1000},
		{"more of it after so many workflows, settled", 20, 0},
	} {
		i := slices.IndexFunc(r.Limits, func(l Limit) bool { return l.Name == x.name })
		if i < 0 {
			t.Errorf("%q is missing in %+v", x.name, r.Limits)
			continue
		}
		if l := r.Limits[i]; l.N != x.n || x.most > 0 && (l.Value <= 0 || l.Value > x.most) {
			t.Errorf("%+v: want %d of them and at most %v", l, x.n, x.most)
		}
	}
}
