package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/test/leaks"
)

// roleVariable makes the test binary a part of a bench.
const roleVariable = "MILLRACE_BENCH_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		goleak.VerifyTestMain(m, leaks.Known()...)
		return
	}
	if err := Role(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// thisBinary runs a part of a bench in another process of this test.
func thisBinary(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), roleVariable+"=1")
	return c
}
