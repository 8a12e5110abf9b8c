package bench_test

import (
	"testing"

	"github.com/millrace-dev/millrace/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }
