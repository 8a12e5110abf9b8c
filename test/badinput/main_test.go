package badinput

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// envServer tells a child process which NATS its worker serves.
const envServer = "MILLRACE_BADINPUT_SERVER"

func TestMain(m *testing.M) {
	url := os.Getenv(envServer)
	if url == "" {
		rig.Main(m)
		return
	}
	if err := serve(url); err != nil {
		slog.Error("the process ends", "error", err)
		os.Exit(1)
	}
}

// serve is the main function of a child: a worker that ends when the test is gone, or when an activity kills it.
func serve(url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	return worker.New(nc, rig.Queue, worker.OnReady(func() { _, _ = os.Stdout.WriteString("ready\n") }),
		worker.Activity(Deadly), worker.Activity(Hello)).Run(ctx)
}
