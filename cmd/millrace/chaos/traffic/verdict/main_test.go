package verdict

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/test/leaks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, leaks.Known()...) }
