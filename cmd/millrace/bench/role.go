package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/worker"
)

// The parts of the layout with four processes. Each says one line when it is ready, and ends when its standard input does: so none
// outlives the process that measures.
const (
	roleServer = "server"
	roleNode   = "node"
	roleWorker = "worker"
	roleDev    = "dev" // server and node in one process

	rolePayload     = "payload"      // a client that moves payloads, and says how fast
	rolePlainWorker = "plain-worker" // a worker in a program that leaves its memory to the runtime
)

// Role runs one part of a bench in this process: server DIR SYNC [ROUTE...], node URL SHARDS REPLICAS, worker URL, dev DIR SYNC SHARDS,
// payload URL KIND SIZE N or plain-worker URL.
func Role(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, in)
	}()
	ready := func(text string) { fmt.Fprintln(out, text) }
	switch {
	case len(args) >= 3 && args[0] == roleServer:
		srv, err := embedded.Start(embedded.Options{Dir: args[1], Listen: "127.0.0.1:0", Sync: args[2], Cluster: args[3:]})
		if err != nil {
			return err
		}
		defer srv.Close()
		ready(srv.URL())
		<-ctx.Done()
		return nil
	case len(args) == 4 && args[0] == roleNode:
		shards, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		replicas, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return withConn(args[1], func(nc *nats.Conn) error {
			stop, err := startNode(ctx, nc, shards, replicas)
			if err == nil {
				err = errors.Join(serveHeap(nc), servePeak(ctx, nc))
			}
			if err != nil {
				return err
			}
			ready("ready")
			<-ctx.Done()
			return stop()
		})
	case len(args) == 4 && args[0] == roleDev:
		shards, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		srv, err := orchestrator.Start(context.WithoutCancel(ctx), orchestrator.Options{
			Dir: args[1], Listen: "127.0.0.1:0", Sync: args[2], Shards: shards, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		ready(srv.URL())
		<-ctx.Done()
		return srv.Stop(context.WithoutCancel(ctx))
	case len(args) == 5 && args[0] == rolePayload:
		return withConn(args[1], func(nc *nats.Conn) error {
			line, err := movePayloads(ctx, nc, args[2], args[3], args[4])
			if err == nil {
				ready(line)
			}
			return err
		})
	case len(args) == 2 && (args[0] == roleWorker || args[0] == rolePlainWorker):
		return withConn(args[1], func(nc *nats.Conn) error {
			stop, err := startWorker(ctx, nc)
			if err != nil {
				return err
			}
			ready("ready")
			<-ctx.Done()
			return stop()
		})
	}
	return fmt.Errorf("no part of a bench: %q", args)
}

// Plain reports whether a part stands for a program that leaves its memory to the runtime, as most of those are that use the client or the
// worker.
func Plain(args []string) bool {
	return len(args) > 0 && (args[0] == rolePayload || args[0] == rolePlainWorker)
}

// connect connects as the millrace command does.
func connect(url string) (*nats.Conn, error) { return nats.Connect(url, jetstream.Gather()) }

func withConn(url string, f func(*nats.Conn) error) error {
	nc, err := connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	return f(nc)
}

// startNode runs a node until stop is called.
func startNode(ctx context.Context, nc *nats.Conn, shards, replicas int) (stop func() error, err error) {
	quiet := slog.New(slog.DiscardHandler)
	node, err := orchestrator.Attach(context.WithoutCancel(ctx), nc, orchestrator.Options{
		Logger: quiet, Shards: shards, Replicas: replicas,
	})
	if err != nil {
		return nil, err
	}
	return func() error { return node.Stop(context.WithoutCancel(ctx)) }, nil
}

// startWorker runs a worker, and the far end of the floor's messages, until stop is called. It returns once both are ready.
func startWorker(ctx context.Context, nc *nats.Conn) (stop func() error, err error) {
	far, err := serveFar(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, queue, append(registered(), worker.Logger(slog.New(slog.DiscardHandler)), worker.Slots(1000),
		worker.WorkflowSlots(1000), worker.CacheSize(10_000), worker.Grace(time.Second), worker.OnReady(func() { close(ready) }))...)
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-ready:
		return func() error {
			cancel()
			far()
			return <-ended
		}, nil
	case err := <-ended:
		cancel()
		far()
		return nil, err
	}
}

// child is a part that runs in a process of its own.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  string // the line that it said when it was ready

	killed bool
}

// spawn starts a part and waits until it is ready.
func spawn(ctx context.Context, command Command, args ...string) (*child, error) {
	c := &child{cmd: command(ctx, args...)}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaint strings.Builder
	c.stdin, c.cmd.Stderr = in, &complaint
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		err = c.stop() // only now is all of the complaint there
		return nil, errors.Join(fmt.Errorf("the %s of the bench did not start: %s", args[0], strings.TrimSpace(complaint.String())), err)
	}
	c.said = strings.TrimSpace(line)
	return c, nil
}

// stop ends the part in good order. One that was killed has ended already.
func (c *child) stop() error {
	_ = c.stdin.Close()
	if c.killed {
		return nil
	}
	return c.cmd.Wait()
}

// kill ends the part without a warning.
func (c *child) kill() {
	if !c.killed {
		c.killed = true
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // says only that it was killed
	}
}
