package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
)

// Play is what the process of a part runs, until in ends. It says one line when it is ready.
func Play(ctx context.Context, part string, workers Workers, in io.Reader, out io.Writer, log *slog.Logger) error {
	var p Part
	if err := json.Unmarshal([]byte(part), &p); err != nil {
		return fmt.Errorf("no part of a fleet: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, in)
	}()
	ready := func() { fmt.Fprintln(out, "ready") }
	log = log.With("part", p.ID())
	switch p.Role {
	case Server:
		return p.serve(ctx, log, ready)
	case Node:
		return p.orchestrate(ctx, log, ready)
	case Worker:
		nc, err := connect(p.URL)
		if err != nil {
			return err
		}
		defer nc.Close()
		return workers(nc, p, log, ready).Run(ctx)
	case Client:
	}
	return fmt.Errorf("no part of a fleet: %q", p.Role)
}

func (p Part) serve(ctx context.Context, log *slog.Logger, ready func()) error {
	if err := os.MkdirAll(p.Dir, 0o750); err != nil {
		return err
	}
	config := filepath.Join(p.Dir, "nats.conf")
	if err := os.WriteFile(config, []byte(p.Config), 0o600); err != nil {
		return err
	}
	srv, err := embedded.Start(embedded.Options{
		Dir: p.Dir, Listen: p.Listen, Sync: p.Sync, Cluster: p.Routes, Config: config, Logger: log,
	})
	if err != nil {
		return err
	}
	defer srv.Close()
	ready()
	<-ctx.Done()
	return nil
}

func (p Part) orchestrate(ctx context.Context, log *slog.Logger, ready func()) error {
	nc, err := connect(p.URL)
	if err != nil {
		return err
	}
	defer nc.Close()
	node, err := orchestrator.Attach(context.WithoutCancel(ctx), nc, orchestrator.Options{
		Namespace: p.Namespace, Shards: p.Shards, Replicas: p.Replicas, Node: p.ID(), Logger: log,
	})
	if err != nil {
		return err
	}
	ready()
	select {
	case <-ctx.Done():
	case <-node.Done():
		return fmt.Errorf("the node stopped by itself")
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace/2)
	defer cancel()
	return node.Stop(stop)
}

// pingEvery is how often a connection asks whether its server is there; two that are not answered end it.
const pingEvery = 5 * time.Second

// connect connects as `millrace serve` does, and takes no server's word for where the others are: what it would say is not the way through
// the links.
func connect(url string) (*nats.Conn, error) {
	return nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond), nats.RetryOnFailedConnect(true),
		nats.PingInterval(pingEvery), jetstream.Gather(), nats.IgnoreDiscoveredServers(), nats.ErrorHandler(unheard))
}

// unheard is for what NATS reports of a connection and belongs to nothing that somebody waits for: here connections break all the time.
func unheard(*nats.Conn, *nats.Subscription, error) {}
