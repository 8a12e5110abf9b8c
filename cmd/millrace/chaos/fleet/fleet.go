package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/jetstream"
)

// ClientName is the name of this process in links.
const ClientName = "client"

// Fleet is a running fleet. Its methods are for one goroutine at a time, those of its links and connections for any.
type Fleet struct {
	o Options

	// Servers are empty when NATS is the user's.
	Servers, Nodes, Workers []*Process

	endpoints []endpoint
	links     []*Link
	clientURL string

	look  *nats.Conn // to the servers themselves
	js    natsjs.JetStream
	store *jetstream.Store
}

// Start starts a fleet and waits until it works. It must be closed, also after an error.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	f := &Fleet{o: o.withDefaults()}
	if err := os.MkdirAll(f.o.Dir, 0o750); err != nil {
		return f, err
	}
	if err := f.startServers(ctx); err != nil {
		return f, err
	}
	if err := f.startNodes(ctx); err != nil {
		return f, err
	}
	var err error
	if f.store, err = jetstream.Open(ctx, f.look, f.o.Namespace); err != nil {
		return f, err
	}
	if err := f.startWorkers(ctx); err != nil {
		return f, err
	}
	if f.clientURL, err = f.join(ClientName); err != nil {
		return f, err
	}
	err = f.Whole(ctx)
	return f, err
}

// startServers starts the servers, or finds those of the user, and looks at them.
func (f *Fleet) startServers(ctx context.Context) (err error) {
	if f.o.URL != "" {
		f.endpoints, err = endpoints(f.o.URL)
	} else {
		err = f.buildServers()
	}
	if err != nil {
		return err
	}
	if err := startAll(ctx, f.Servers); err != nil {
		return err
	}
	direct := make([]string, len(f.endpoints))
	for i, e := range f.endpoints {
		direct[i] = e.url.String()
	}
	f.look, err = nats.Connect(direct[0], nats.MaxReconnects(-1), nats.ReconnectWait(again), nats.RetryOnFailedConnect(true),
		nats.ErrorHandler(unheard), nats.PingInterval(glance), func(o *nats.Options) error { o.Servers = direct; return nil })
	if err != nil {
		return err
	}
	f.js, err = natsjs.New(f.look)
	return err
}

// buildServers says where each server listens, and puts a link between each two of them, in both directions.
func (f *Fleet) buildServers() error {
	n := f.o.Servers
	ports, err := freePorts(2 * n)
	if err != nil {
		return err
	}
	clients, routes := ports[:n], ports[n:]
	for i := range n {
		part := Part{
			Role: Server, Name: id("server", i), Dir: filepath.Join(f.o.Dir, id("server", i)), Listen: clients[i], Sync: f.o.Sync,
		}
		if n > 1 {
			part.Config, part.Routes = serverConfig, []string{routes[i]}
		}
		for j := range n {
			if i == j {
				continue
			}
			l, err := f.link(part.Name, id("server", j), routes[j])
			if err != nil {
				return err
			}
			part.Routes = append(part.Routes, l.address())
		}
		f.endpoints = append(f.endpoints, endpoint{name: part.Name, address: clients[i], url: url.URL{Scheme: "nats", Host: clients[i]}})
		f.Servers = append(f.Servers, newProcess(f.o, part))
	}
	return nil
}

func (f *Fleet) startNodes(ctx context.Context) error {
	for i := range f.o.Nodes {
		if err := f.addPart(&f.Nodes, Part{
			Role: Node, Name: id("node", i), Namespace: f.o.Namespace, Shards: f.o.Shards, Replicas: f.replicas(),
		}); err != nil {
			return err
		}
	}
	return startAll(ctx, f.Nodes)
}

// replicas are the copies of a stream.
func (f *Fleet) replicas() int {
	if len(f.endpoints) < 3 {
		return 1
	}
	return 3
}

func (f *Fleet) startWorkers(ctx context.Context) error {
	for i := range f.o.Workers {
		if err := f.addPart(&f.Workers, Part{
			Role: Worker, Name: id("worker", i), Namespace: f.o.Namespace, Queue: f.o.Queue, Ledger: f.o.Ledger,
		}); err != nil {
			return err
		}
	}
	return startAll(ctx, f.Workers)
}

// addPart adds a process that connects to NATS through links of its own.
func (f *Fleet) addPart(to *[]*Process, p Part) (err error) {
	if p.URL, err = f.join(p.Name); err == nil {
		*to = append(*to, newProcess(f.o, p))
	}
	return err
}

// AddNode starts a node more.
func (f *Fleet) AddNode(ctx context.Context) (*Process, error) {
	like := f.Nodes[0].part
	like.Name, like.Life = id("node", len(f.Nodes)), 0
	if err := f.addPart(&f.Nodes, like); err != nil {
		return nil, err
	}
	p := f.Nodes[len(f.Nodes)-1]
	err := p.Start(ctx)
	return p, err
}

func startAll(ctx context.Context, all []*Process) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range all {
		g.Go(func() error { return p.Start(ctx) })
	}
	return g.Wait()
}

// Processes are all of them.
func (f *Fleet) Processes() []*Process { return slices.Concat(f.Servers, f.Nodes, f.Workers) }

// Connect makes a connection of the client's, through its links.
func (f *Fleet) Connect() (*nats.Conn, error) { return connect(f.clientURL) }

// Check says which processes ended by themselves.
func (f *Fleet) Check() error {
	var errs []error
	for _, p := range f.Processes() {
		errs = append(errs, p.Check())
	}
	return errors.Join(errs...)
}

// Restore lets everything frozen go on, makes every link whole, puts clocks and disks right, starts what does not run, and waits until all
// of it works again.
func (f *Fleet) Restore(ctx context.Context) error {
	f.Heal()
	for _, role := range [][]*Process{f.Servers, f.Nodes, f.Workers} {
		var missing []*Process
		for _, p := range role {
			if err := errors.Join(p.Thaw(), p.rest()); err != nil {
				return err
			}
			if !p.Runs() {
				missing = append(missing, p)
			}
		}
		if err := startAll(ctx, missing); err != nil {
			return err
		}
	}
	return f.Whole(ctx)
}

// Close ends the fleet: those that need others first. What is frozen or does not want to is killed.
func (f *Fleet) Close() error {
	f.Heal()
	if f.look != nil {
		f.look.Close()
	}
	var errs []error
	for _, role := range [][]*Process{f.Workers, f.Nodes, f.Servers} {
		var g errgroup.Group
		for _, p := range role {
			g.Go(func() error { return errors.Join(p.Check(), p.Thaw(), p.rest(), p.Stop()) })
		}
		errs = append(errs, g.Wait())
	}
	for _, l := range f.links {
		l.close()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the end of the fleet: %w", err)
	}
	return nil
}
