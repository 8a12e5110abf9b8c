package orchestrator

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs more tests at once than there are processors: most of them wait until somebody loses patience with a node that is dead.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
