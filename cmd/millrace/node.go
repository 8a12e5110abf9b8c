package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
)

// stopTimeout is how long a node may take to hand its shards over.
const stopTimeout = 10 * time.Second

// devCmd runs everything in this process.
type devCmd struct {
	Dir    string `help:"Directory of the data." default:"millrace-data" type:"path"`
	Listen string `help:"Address to listen on." default:"127.0.0.1:4222"`
	Sync   string `help:"When to flush to disk: always, or an interval such as 100ms." default:"always"`
	Shards int    `help:"Shards of a new namespace." default:"8"`
	retentionFlag
	limitFlags
}

// Run runs until it is interrupted.
func (d *devCmd) Run(ctx context.Context, a *app) error {
	keep, err := d.keep()
	if err != nil {
		return err
	}
	srv, err := orchestrator.Start(context.WithoutCancel(ctx), orchestrator.Options{
		Dir: d.Dir, Listen: d.Listen, Sync: d.Sync, Shards: d.Shards, Retention: keep,
		Namespace: protocol.Namespace(a.Namespace), Logger: a.logger(), MaxStore: int64(d.MaxStore), MaxBacklog: d.MaxBacklog,
	})
	if err != nil {
		return err
	}
	if a.JSON {
		err = printJSON(a.out, map[string]string{"url": srv.URL(), "dir": d.Dir, "namespace": a.Namespace})
	} else {
		dir := d.Dir
		if abs, absErr := filepath.Abs(dir); absErr == nil {
			dir = abs
		}
		_, err = fmt.Fprintf(a.out, `Millrace runs. Stop it with ctrl-C.

  NATS        %s
  data        %s
  namespace   %s

  look        nats --server %s micro ls
  workflows   millrace --server %s list
`, srv.URL(), dir, a.Namespace, srv.URL(), srv.URL())
	}
	return errors.Join(err, untilDone(ctx, srv))
}

// serveCmd runs a node on somebody's NATS.
type serveCmd struct {
	Shards   int    `help:"Shards of a new namespace." default:"8"`
	Replicas int    `help:"Copies that NATS keeps of a new namespace's streams." default:"1" enum:"1,3,5"`
	Node     string `help:"Name of this node."`
	retentionFlag
	limitFlags
}

// retentionFlag says how long runs are kept.
type retentionFlag struct {
	Retention string `help:"How long runs are kept after they end: 720h, or forever. Defaults to what was set before." placeholder:"TIME"`
}

// keep is the flag as an option: zero leaves the namespace's setting, and less keeps runs for ever.
func (f retentionFlag) keep() (time.Duration, error) {
	switch f.Retention {
	case "":
		return 0, nil
	case "forever", "0":
		return -1, nil
	}
	d, err := time.ParseDuration(f.Retention)
	if err != nil || d < 0 {
		return 0, protocol.Errorf(protocol.CodeBadRequest, "--retention %q is no duration", f.Retention).
			WithHint("720h is 30 days; forever keeps runs for ever")
	}
	return d, nil
}

// Run runs until it is interrupted.
func (s *serveCmd) Run(ctx context.Context, a *app) error {
	keep, err := s.keep()
	if err != nil {
		return err
	}
	// A server that is frozen, or cut off, closes no connection: the library would ask it for a sign of life after two minutes.
	nc, err := a.connect(nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond), nats.PingInterval(5*time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	srv, err := orchestrator.Attach(context.WithoutCancel(ctx), nc, orchestrator.Options{
		Namespace: protocol.Namespace(a.Namespace), Shards: s.Shards, Replicas: s.Replicas, Node: s.Node, Logger: a.logger(),
		Retention: keep, MaxStore: int64(s.MaxStore), MaxBacklog: s.MaxBacklog,
	})
	if err != nil {
		return err
	}
	a.logger().Info("node ready", "nats", redacted(nc.ConnectedUrl()), "namespace", a.Namespace)
	if a.JSON {
		err = printJSON(a.out, map[string]string{"url": redacted(nc.ConnectedUrl()), "namespace": a.Namespace})
	}
	return errors.Join(err, untilDone(ctx, srv))
}

// untilDone waits for an interrupt and hands the node's shards over.
func untilDone(ctx context.Context, srv *orchestrator.Server) error {
	working, stopped := context.WithCancel(ctx)
	defer stopped()
	tend(working)
	select {
	case <-ctx.Done():
	case <-srv.Done():
		return protocol.Errorf(protocol.CodeInternal, "the node stopped by itself").WithHint("its log says why")
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return srv.Stop(stop)
}
