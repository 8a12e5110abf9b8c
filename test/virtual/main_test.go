package virtual

import (
	"runtime"
	"testing"

	"github.com/millrace-dev/millrace/test/rig"
)

// In virtual time a goroutine runs because another one waits. Handing them from thread to thread only costs: with one thread a
// month takes 28 s, with two it takes 61 s.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	rig.Main(m)
}
