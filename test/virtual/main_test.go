package virtual

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/millrace-dev/millrace/test/rig"
)

// In virtual time a goroutine runs because another one waits. Handing them from thread to thread only costs: with one thread a
// month takes 28 s, with two it takes 61 s.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	rig.Main(m)
}

// virtual runs a test in a bubble of virtual time. The tests of this package run one after the other: nats.go keeps the timers of
// its flushes in a pool of the whole process, and a timer of one bubble must not be used in another. Two collections of garbage
// empty the pool.
func virtual(t *testing.T, f func(*testing.T)) {
	t.Helper()
	runtime.GC()
	runtime.GC()
	synctest.Test(t, f)
}
