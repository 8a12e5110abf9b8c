package protocol_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files with what is written now")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
