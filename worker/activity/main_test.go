package activity_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The embedded server of the examples keeps one goroutine for its clock as long as the process lives.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}
