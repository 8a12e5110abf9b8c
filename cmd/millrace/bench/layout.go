package bench

import (
	"context"
	"errors"
	"fmt"
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
	// ThreeServers has three servers and three copies of every stream, else as FourProcesses. Node, worker and client are connected
	// to a server each.
	ThreeServers = "r3"
)

// replicas is how many copies of a stream the layout keeps.
func (o Options) replicas() int {
	if o.Layout == ThreeServers {
		return 3
	}
	return 1
}

// site is a running layout, seen from the client.
type site struct {
	conn *nats.Conn   // the client's
	pid  int          // of the process with the node in it
	work func() error // adds a worker
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
	switch o.Layout {
	case OneProcess:
		err = s.one(ctx, o, dir)
	case FourProcesses, ThreeServers:
		err = s.apart(ctx, o, dir)
	default:
		err = fmt.Errorf("there is no layout %q", o.Layout)
	}
	for range o.Workers {
		if err != nil {
			break
		}
		err = s.work()
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
	stop, err := startNode(ctx, nc, o.Shards, o.replicas())
	if err != nil {
		return err
	}
	s.onClose(stop)
	s.work = func() error {
		nc, err := connect()
		if err != nil {
			return err
		}
		stop, err := startWorker(ctx, nc)
		if err == nil {
			s.onClose(stop)
		}
		return err
	}
	s.conn, err = connect()
	return err
}

// apart starts each part in a process of its own.
func (s *site) apart(ctx context.Context, o Options, dir string) error {
	urls, err := s.servers(ctx, o, dir)
	if err != nil {
		return err
	}
	at := func(i int) string { return urls[i%len(urls)] }
	if s.conn, err = connect(at(2)); err != nil {
		return err
	}
	s.onClose(func() error { s.conn.Close(); return nil })
	if len(urls) > 1 {
		if err := clustered(ctx, s.conn, len(urls)); err != nil {
			return err
		}
	}
	node, err := s.part(ctx, o.Command, roleNode, at(0), strconv.Itoa(o.Shards), strconv.Itoa(o.replicas()))
	if err != nil {
		return err
	}
	s.pid = node.cmd.Process.Pid
	s.work = func() error {
		_, err := s.part(ctx, o.Command, roleWorker, at(1))
		return err
	}
	return nil
}

// part starts one process.
func (s *site) part(ctx context.Context, command Command, args ...string) (*child, error) {
	c, err := spawn(ctx, command, args...)
	if err == nil {
		s.onClose(c.stop)
	}
	return c, err
}

// Command makes the process of a part of the bench.
type Command func(ctx context.Context, args ...string) *exec.Cmd

// Self runs this program as a part of the bench: the command of [Options] by default.
func Self(ctx context.Context, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.CommandContext(ctx, self, append([]string{"bench-role"}, args...)...) //nolint:gosec // this program
}
