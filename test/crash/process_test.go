package crash

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// What a child process is told in its environment.
const (
	envRole   = "MILLRACE_CRASH_ROLE" // "embedded", "node" or "worker"
	envDir    = "MILLRACE_CRASH_DIR"
	envListen = "MILLRACE_CRASH_LISTEN"
	envServer = "MILLRACE_CRASH_SERVER"
)

func TestMain(m *testing.M) {
	role := os.Getenv(envRole)
	if role == "" {
		rig.Main(m)
		return
	}
	if err := play(role); err != nil {
		slog.Error("the process ends", "role", role, "error", err)
		os.Exit(1)
	}
}

// play is the main function of a child. It says "ready" and runs until it is killed, or its standard input ends because the test
// is gone.
func play(role string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	ready := func() { _, _ = os.Stdout.WriteString("ready\n") }
	switch role {
	case "embedded":
		srv, err := orchestrator.Start(ctx, orchestrator.Options{
			Dir: os.Getenv(envDir), Listen: os.Getenv(envListen), Sync: "1m",
		})
		if err != nil {
			return err
		}
		ready()
		<-srv.Done()
		return nil
	case "node":
		nc, err := connect(os.Getenv(envServer))
		if err != nil {
			return err
		}
		defer nc.Close()
		srv, err := orchestrator.Attach(ctx, nc, orchestrator.Options{Shards: 4})
		if err != nil {
			return err
		}
		ready()
		<-srv.Done()
		return nil
	}
	nc, err := connect(os.Getenv(envServer))
	if err != nil {
		return err
	}
	defer nc.Close()
	return worker.New(nc, rig.Queue, worker.Slots(10), worker.OnReady(ready), worker.Workflow(Chain), worker.Activity(Link)).Run(ctx)
}

// connect connects for good: what is on the other side gets killed.
func connect(url string) (*nats.Conn, error) {
	return nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.RetryOnFailedConnect(true))
}

// process is a child that is started again whenever it was killed.
type process struct {
	env []string

	mu    sync.Mutex
	cmd   *exec.Cmd
	ready chan struct{} // closed when the running child has said that it is ready
	gone  chan struct{} // closed when the running child is gone
	pipe  io.Closer
}

// run starts a child. The test ends it.
func run(t *testing.T, role string, env ...string) *process {
	t.Helper()
	p := &process{env: append(env, envRole+"="+role)}
	p.start(t)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.cmd.Process.Kill()
		<-p.gone
	})
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:noctx // ended by kill, and no other way
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Error(err)
		return
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	ready, gone := make(chan struct{}), make(chan struct{})
	go func() {
		if bufio.NewScanner(out).Scan() {
			close(ready)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(gone)
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.pipe, p.ready, p.gone = cmd, in, ready, gone
}

// restart kills the child, whatever it is doing, and starts another in its place.
func (p *process) restart(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	_ = p.cmd.Process.Kill()
	<-p.gone
	p.mu.Unlock()
	p.start(t)
}

// await waits until the child is ready.
func (p *process) await(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	ready, gone := p.ready, p.gone
	p.mu.Unlock()
	select {
	case <-ready:
	case <-gone:
		t.Fatal("the process ended before it was ready")
	case <-t.Context().Done():
		t.Fatal("the process was not ready in time")
	}
}
