package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/test/leaks"
	"github.com/millrace-dev/millrace/worker"
)

// partVariable makes the test binary a part of a fleet.
const partVariable = "MILLRACE_CLUSTER_PART"

func TestMain(m *testing.M) {
	part := os.Getenv(partVariable)
	if part == "" {
		goleak.VerifyTestMain(m, leaks.Known()...)
		return
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := fleet.Play(context.Background(), part, crew, os.Stdin, os.Stdout, log); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// thisBinary runs a part of a fleet in another process of this test.
func thisBinary(ctx context.Context, part string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), partVariable+"="+part)
	return c
}

func crew(nc *nats.Conn, p fleet.Part, log *slog.Logger, ready func()) *worker.Worker {
	return traffic.Worker(nc, p.Queue, p.ID(), p.Ledger, log, worker.Namespace(string(p.Namespace)), worker.OnReady(ready))
}
