package jetstream

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestGoroutinesAreUsedAgain: what is to be done is done at once, by those that wait before by new ones, and none waits for long. The
// bubble ends only when all goroutines have.
func TestGoroutinesAreUsedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g goroutines
		var ran atomic.Int32
		several := func(n int) {
			release := make(chan struct{})
			for range n {
				g.Go(func() {
					ran.Add(1)
					<-release
				})
			}
			synctest.Wait()
			if got := ran.Swap(0); got != int32(n) {
				t.Errorf("%d of %d run", got, n)
			}
			close(release)
			synctest.Wait()
		}
		waiting := func(want int) {
			t.Helper()
			g.mu.Lock()
			defer g.mu.Unlock()
			if len(g.idle) != want {
				t.Errorf("%d goroutines wait, want %d", len(g.idle), want)
			}
		}
		several(keepIdle + 100)
		waiting(keepIdle)
		several(10)
		waiting(keepIdle)
		for range 3 {
			<-time.After(idleFor)
			several(2)
		}
		waiting(2) // who was not needed is gone
		<-time.After(idleFor + 1)
		waiting(0)
		several(1)
		<-time.After(idleFor + 1)
	})
}
