package orchestrator

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClockRingsInOrderAndOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		type ringing struct {
			key string
			at  time.Duration
		}
		var mu sync.Mutex
		var rang []ringing
		c := newClock(func(a alarm) {
			mu.Lock()
			defer mu.Unlock()
			rang = append(rang, ringing{a.key, time.Since(start)})
		}, time.Now)
		defer c.stop()
		c.set(alarm{key: "late", at: start.Add(3 * time.Second)})
		c.set(alarm{key: "early", at: start.Add(time.Second)})
		c.set(alarm{key: "moved", at: start.Add(time.Second)})
		c.set(alarm{key: "moved", at: start.Add(2 * time.Second)})
		c.set(alarm{key: "gone", at: start.Add(time.Second)})
		c.set(alarm{key: "gone"})
		c.set(alarm{key: "far", at: start.Add(horizon + time.Minute)})
		<-time.After(10 * time.Second)
		synctest.Wait()
		want := []ringing{{"early", time.Second}, {"moved", 2 * time.Second}, {"late", 3 * time.Second}}
		if len(rang) != len(want) {
			t.Fatalf("rang %v, want %v", rang, want)
		}
		for i := range want {
			if rang[i] != want[i] {
				t.Errorf("ring %d was %v, want %v", i, rang[i], want[i])
			}
		}
	})
}
