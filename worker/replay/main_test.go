package replay_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The tests of code that cannot be unwound leave a coroutine behind, on purpose.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/millrace-dev/millrace/worker/replay.(*coroutine).leave"))
}
