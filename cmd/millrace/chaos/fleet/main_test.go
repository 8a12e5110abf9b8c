package fleet_test

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
	"github.com/millrace-dev/millrace/test/leaks"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// partVariable makes the test binary a part of a fleet.
const partVariable = "MILLRACE_FLEET_PART"

func TestMain(m *testing.M) {
	part := os.Getenv(partVariable)
	if part == "" {
		goleak.VerifyTestMain(m, leaks.Known()...)
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := fleet.Play(context.Background(), part, greeter, os.Stdin, os.Stdout, log); err != nil {
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

func greeter(nc *nats.Conn, p fleet.Part, log *slog.Logger, ready func()) *worker.Worker {
	return worker.New(nc, p.Queue, worker.Namespace(string(p.Namespace)), worker.Identity(p.ID()), worker.Logger(log), worker.OnReady(ready), worker.Workflow(Greet),
		worker.Activity(Hello))
}

// Greet greets by an activity.
func Greet(ctx workflow.Context, name string) (string, error) { return workflow.Do(ctx, Hello, name) }

// Hello greets.
func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// start starts a fleet that ends with the test.
func start(t *testing.T, o fleet.Options) *fleet.Fleet {
	t.Helper()
	o.Dir, o.Command = t.TempDir(), thisBinary
	f, err := fleet.Start(t.Context(), o)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
