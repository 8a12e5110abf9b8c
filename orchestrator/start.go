package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// Version is the version of this module.
const Version = "0.1.0"

// The adapter satisfies what a node needs without knowing of it.
var _ API = (*jetstream.Store)(nil)

// Server is a running node, with or without a NATS of its own. It is safe for concurrent use.
type Server struct {
	nats   *embedded.Server // nil when attached
	conn   *nats.Conn
	client *client.Client

	stopAPI func()
	stop    context.CancelFunc
	idle    chan struct{} // closed when the node has given up its shards
	done    chan struct{} // closed when everything has stopped
}

// Start runs NATS and a node in this process. It returns once the node works, and the node works until ctx ends or
// [Server.Stop] is called. What the workflows did lies in o.Dir; starting again on it continues where the last process
// stopped, however it stopped.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	if o.Node == "" {
		// The only node of its kind on this NATS, so a restarted process recognises its own leases and does not wait for
		// its predecessor to be missed.
		o.Node = "embedded"
	}
	ns, err := embedded.Start(embedded.Options{Dir: o.Dir, Listen: o.Listen, Sync: o.Sync, MaxStore: o.MaxStore, Logger: o.Logger})
	if err != nil {
		return nil, notStarted(err)
	}
	conn, err := ns.Conn(nats.Name("millrace node"))
	if err != nil {
		ns.Close()
		return nil, err
	}
	s, err := attach(ctx, conn, o, ns.Space)
	if err != nil {
		conn.Close()
		ns.Close()
		return nil, err
	}
	s.nats = ns
	go s.wait()
	return s, nil
}

// notStarted gives the embedded server's error a code.
func notStarted(err error) error {
	e, ok := errors.AsType[*embedded.Error](err)
	if !ok {
		return fmt.Errorf("start NATS: %w", err)
	}
	code := protocol.CodeUnavailable
	if e.Misuse {
		code = protocol.CodeBadRequest
	}
	return protocol.Errorf(code, "%s", e.Reason).WithHint("%s", e.Hint)
}

// Attach runs a node on a NATS with JetStream that is there already. The connection stays the caller's: it must live until
// the node has stopped, and it is not closed.
func Attach(ctx context.Context, conn *nats.Conn, o Options) (*Server, error) {
	s, err := attach(ctx, conn, o.withDefaults(), nil)
	if err != nil {
		return nil, err
	}
	go s.wait()
	return s, nil
}

func attach(ctx context.Context, conn *nats.Conn, o Options, space func() (used, most int64)) (*Server, error) {
	if err := o.Namespace.Validate(); err != nil {
		return nil, err
	}
	if err := protocol.ValidateRetention(max(o.Retention, 0)); err != nil {
		return nil, err
	}
	store, err := jetstream.Create(ctx, conn, o.Namespace, jetstream.Options{Shards: o.Shards, Replicas: o.Replicas})
	if err != nil {
		return nil, err
	}
	store.OnLoss(func(why *protocol.Error) {
		o.Logger.Error("ALARM: a NATS server has lost part of a stream", "error", why, "hint", why.Hint)
	})
	if err := settings(ctx, store, o); err != nil {
		return nil, err
	}
	limits := limited{store, o.MaxStore, space}
	s := &Server{conn: conn, idle: make(chan struct{}), done: make(chan struct{})}
	if s.client, err = client.New(conn, client.Namespace(string(o.Namespace))); err != nil {
		return nil, err
	}
	if s.stopAPI, err = serveAPI(store, control{store: limits, views: newViews(), log: o.Logger}); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	s.stop = stop
	ready := make(chan error, 1)
	n := newNode(self(o.Node), o.Namespace, limits, o.Logger)
	go func() {
		defer close(s.idle)
		n.run(run, func(err error) { ready <- err })
	}()
	if err := <-ready; err != nil {
		stop()
		<-s.idle
		s.stopAPI()
		return nil, fmt.Errorf("start the node: %w", err)
	}
	return s, nil
}

// settings stores those of the namespace that the node was given.
func settings(ctx context.Context, store *jetstream.Store, o Options) error {
	if o.MaxBacklog < 0 || o.MaxStore < 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "a limit cannot be negative").WithHint("zero is the default")
	}
	if o.Retention != 0 {
		if err := store.SetRetention(ctx, max(o.Retention, 0)); err != nil {
			return err
		}
	}
	if o.MaxBacklog != 0 {
		return store.SetMaxBacklog(ctx, o.MaxBacklog)
	}
	return nil
}

// limited is a store that may hold less than NATS says.
type limited struct {
	*jetstream.Store

	most  int64                     // zero: no limit
	space func() (used, most int64) // of a server in this process; nil when there is none
}

// Load tells what waits in the namespace, and how full the store is: as NATS tells it, as the disk does, or as the node was told, whichever
// is nearest to its limit.
func (l limited) Load(ctx context.Context) (protocol.Load, error) {
	load, err := l.Store.Load(ctx)
	if err != nil {
		return load, err
	}
	load.Limit(load.Stored, l.most)
	if l.space != nil {
		load.Limit(l.space())
	}
	return load, nil
}

// serveAPI answers everybody who asks this node, until stop is called.
func serveAPI(store *jetstream.Store, c control) (stop func(), err error) {
	stopAPI, err := store.ServeAPI(Version, c.endpoints())
	if err != nil {
		return nil, err
	}
	stopHistories, err := store.ServeHistories(c.historyOf)
	if err != nil {
		stopAPI()
		return nil, err
	}
	return func() {
		stopHistories()
		stopAPI()
	}, nil
}

func self(id string) protocol.Node {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if id == "" {
		id = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	return protocol.Node{ID: id, Host: host, PID: os.Getpid(), Version: Version, Started: time.Now().UTC().Round(0)}
}

// wait takes the rest down once the node has stopped.
func (s *Server) wait() {
	defer close(s.done)
	<-s.idle
	s.stopAPI()
	s.stop()
	if s.nats != nil {
		s.conn.Close()
		s.nats.Close()
	}
}

// Stop gives the node's shards up in good order, then stops the embedded NATS, if any. Steps that are under way when ctx
// ends are cut off; nothing is lost by that. It is safe to call more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("the node is still handing over its shards"), ctx.Err())
	}
}

// Done is closed when the node has stopped, by [Server.Stop] or because its context ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Conn is the node's connection to NATS, ready for workers and clients in this process. It is closed when an embedded NATS
// stops; a worker should be stopped before.
func (s *Server) Conn() *nats.Conn { return s.conn }

// Client is a client on the node's connection.
func (s *Server) Client() *client.Client { return s.client }

// URL is where the embedded NATS listens, such as "nats://127.0.0.1:4222". It is empty when it does not, or when attached.
func (s *Server) URL() string {
	if s.nats == nil {
		return ""
	}
	return s.nats.URL()
}
