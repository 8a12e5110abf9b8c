package machine

import (
	"container/heap"
	"slices"
	"time"
)

// deadline is a moment at which the run must look at itself: a timer, or an activity's schedule-to-close.
type deadline struct {
	at    time.Time
	event int64 // the TimerStarted or ActivityTaskScheduled that set it
}

// deadlines is a heap of them. Entries whose timer or activity has ended stay until they reach the top: a removal in the
// middle would cost more than it saves.
type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *deadlines) Push(x any) { *d = append(*d, x.(deadline)) } //nolint:forcetypeassert // only add pushes

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	old := *d
	last := old[len(old)-1]
	*d = old[:len(old)-1]
	return last
}

func (d *deadlines) add(at time.Time, event int64) { heap.Push(d, deadline{at, event}) }

// due lists the deadlines that have passed, in order of time. It visits only those, not the whole heap.
func (d deadlines) due(now time.Time) []deadline {
	var found []deadline
	var visit func(i int)
	visit = func(i int) {
		if i >= len(d) || d[i].at.After(now) {
			return
		}
		found = append(found, d[i])
		visit(2*i + 1)
		visit(2*i + 2)
	}
	visit(0)
	slices.SortFunc(found, func(a, b deadline) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return int(a.event - b.event)
	})
	return found
}

// next is the first deadline that still counts, or the zero time. It drops those before it that do not.
func (d *deadlines) next(counts func(deadline) bool) time.Time {
	for len(*d) > 0 {
		if top := (*d)[0]; counts(top) {
			return top.at
		}
		heap.Pop(d)
	}
	return time.Time{}
}
