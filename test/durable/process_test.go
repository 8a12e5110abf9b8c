package durable

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator"
)

// What the child process is told in its environment.
const (
	envDir  = "MILLRACE_DURABLE_DIR"
	envSync = "MILLRACE_DURABLE_SYNC"
)

// played is the main function of the child process, a node with NATS inside: it says where it listens, and runs until it is killed, or its
// standard input ends because the test is gone. In the test's own process it does nothing and returns false.
func played() bool {
	dir := os.Getenv(envDir)
	if dir == "" {
		return false
	}
	srv, err := orchestrator.Start(context.Background(), orchestrator.Options{
		Dir: dir, Listen: "127.0.0.1:0", Sync: os.Getenv(envSync), Shards: 4,
	})
	if err != nil {
		slog.Error("the node does not start", "error", err)
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(srv.URL() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
	return true
}

// node runs the child process until the test ends, and returns it and where it listens.
func node(t *testing.T, dir, sync string) (p *os.Process, url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:noctx // ended by kill, and no other way
	cmd.Env = append(os.Environ(), envDir+"="+dir, envSync+"="+sync)
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process, strings.TrimSpace(line)
}
