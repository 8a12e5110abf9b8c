package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// servers starts one server for each copy of a stream, and returns their URLs.
func (s *site) servers(ctx context.Context, o Options, dir string) ([]string, error) {
	n := o.replicas()
	var routes []string
	if n > 1 {
		var err error
		if routes, err = freePorts(n); err != nil {
			return nil, err
		}
	}
	urls := make([]string, n)
	for i := range n {
		args := []string{roleServer, filepath.Join(dir, strconv.Itoa(i)), o.Sync}
		if n > 1 {
			args = append(args, routes[i])
			args = append(args, slices.Delete(slices.Clone(routes), i, i+1)...)
		}
		server, err := s.part(ctx, o.Command, args...)
		if err != nil {
			return nil, err
		}
		urls[i] = server.said
	}
	return urls, nil
}

// freePorts are addresses on loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	listeners, found := make([]net.Listener, 0, n), make([]string, n)
	var err error
	for i := range found { // all at once, or one would be found twice
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // closed below
			break
		}
		listeners, found[i] = append(listeners, l), l.Addr().String()
	}
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return found, err
}

// clustered waits until the servers have found each other and keep copies. Until they have, they refuse or say nothing.
func clustered(ctx context.Context, nc *nats.Conn, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	js, err := natsjs.New(nc)
	if err != nil {
		return err
	}
	const name = "BENCH_READY"
	for {
		once, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
		_, err := js.CreateStream(once, natsjs.StreamConfig{Name: name, Replicas: replicas})
		if err == nil {
			cancel()
			return js.DeleteStream(ctx, name)
		}
		<-once.Done()
		cancel()
		if ctx.Err() != nil {
			return fmt.Errorf("the servers do not make a cluster: %w", err)
		}
	}
}
