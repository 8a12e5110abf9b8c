package jetstream_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/jetstream/embedded"
)

func TestMain(m *testing.M) {
	embedded.Prepare() // some tests run in virtual time
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}
