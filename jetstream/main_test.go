package jetstream_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/test/leaks"
)

// Tests that wait for the broker's clock run in a bubble, where it moves when everybody waits. They must not flush a connection
// there, as the store's core subscriptions, a Stop of a puller and a reconnect do: the client library keeps the timers of flushes
// for whoever comes next, and a timer of a bubble must not be used outside.
func TestMain(m *testing.M) {
	embedded.Prepare()
	goleak.VerifyTestMain(m, leaks.Known()...)
}
