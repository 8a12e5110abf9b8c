package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
)

// Layouts: where the server, the node, the workers and the client live.
const (
	// OneProcess is the embedded way: everything in this process, on connections that need no socket.
	OneProcess = "one"
	// FourProcesses has a process each for the server, the node, every worker and the client, over TCP loopback.
	FourProcesses = "four"
)

// site is a running layout, seen from the client.
type site struct {
	conn *nats.Conn // the client's
	pid  int        // of the process with the node in it
	stop []func() error
}

func (s *site) close() error {
	var errs []error
	for _, f := range slices.Backward(s.stop) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

func (s *site) onClose(f func() error) { s.stop = append(s.stop, f) }

// setUp starts a layout on a new directory. It must be closed, also after an error.
func setUp(ctx context.Context, o Options) (*site, error) {
	s := &site{pid: os.Getpid()}
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return s, err
	}
	s.onClose(func() error { return os.RemoveAll(dir) })
	if o.Layout == FourProcesses {
		err = s.four(ctx, o, dir)
	} else {
		err = s.one(ctx, o, dir)
	}
	return s, err
}

func (s *site) one(ctx context.Context, o Options, dir string) error {
	srv, err := embedded.Start(embedded.Options{Dir: dir, Sync: o.Sync})
	if err != nil {
		return err
	}
	s.onClose(func() error { srv.Close(); return nil })
	connect := func() (*nats.Conn, error) {
		nc, err := srv.Conn()
		if err == nil {
			s.onClose(func() error { nc.Close(); return nil })
		}
		return nc, err
	}
	nc, err := connect()
	if err != nil {
		return err
	}
	stop, err := startNode(ctx, nc, o.Shards)
	if err != nil {
		return err
	}
	s.onClose(stop)
	for range o.Workers {
		if nc, err = connect(); err != nil {
			return err
		}
		if stop, err = startWorker(ctx, nc); err != nil {
			return err
		}
		s.onClose(stop)
	}
	s.conn, err = connect()
	return err
}

func (s *site) four(ctx context.Context, o Options, dir string) error {
	part := func(args ...string) (*child, error) {
		c, err := spawn(ctx, o.Command, args...)
		if err == nil {
			s.onClose(c.stop)
		}
		return c, err
	}
	server, err := part(roleServer, dir, o.Sync)
	if err != nil {
		return err
	}
	node, err := part(roleNode, server.said, strconv.Itoa(o.Shards))
	if err != nil {
		return err
	}
	s.pid = node.cmd.Process.Pid
	for range o.Workers {
		if _, err := part(roleWorker, server.said); err != nil {
			return err
		}
	}
	if s.conn, err = nats.Connect(server.said); err == nil {
		s.onClose(func() error { s.conn.Close(); return nil })
	}
	return err
}

// Command makes the process of a part of the bench.
type Command func(ctx context.Context, args ...string) *exec.Cmd

// selfCommand runs this program as a part of the bench.
func selfCommand(ctx context.Context, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.CommandContext(ctx, self, append([]string{"bench-role"}, args...)...) //nolint:gosec // this program
}
