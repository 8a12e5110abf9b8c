package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// defaultTimeout bounds every request whose context has no deadline.
const defaultTimeout = 5 * time.Second

// maxPending is how many publishes may wait for their acknowledgement on one connection.
const maxPending = 1 << 14

// Options configure a namespace when it is created.
type Options struct {
	// Shards is the number of shards of a new namespace; an existing one keeps its own. Defaults to 8.
	Shards int
	// Replicas is how many copies NATS keeps of a new namespace's streams. Defaults to 1.
	Replicas int
}

// maxShards is the most shards of a namespace.
const maxShards = 1024

// DefaultShards is the number of shards of a namespace unless told otherwise.
const DefaultShards = 8

// Store is a namespace in JetStream. It is safe for concurrent use.
type Store struct {
	nc     *nats.Conn
	js     natsjs.JetStream
	blobs  natsjs.JetStream // publishes chunks of blobs, with more patience
	window window
	ns     protocol.Namespace
	config protocol.NamespaceConfig
	mux    mux
	stored sequences // of the inboxes
	time   ownersTime
	limits limits
	seen   []inboxSeen

	refusals *refusals
	indirect indirect

	versions versions
	goroutines
	keepers keepers
	alone   alone
	copies  copies

	closings closings
}

func newStore(nc *nats.Conn, ns protocol.Namespace) (*Store, error) {
	if !answerable(inboxes(nc)) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the inbox prefix %q of the connection gets no answers", nc.Opts.InboxPrefix).
			WithHint("let it begin with an underscore, such as _INBOX_shop")
	}
	js, err := natsjs.New(nc, natsjs.WithPublishAsyncMaxPending(maxPending), natsjs.WithPublishAsyncTimeout(defaultTimeout))
	if err != nil {
		return nil, wrap(err)
	}
	blobs, err := natsjs.New(nc, natsjs.WithPublishAsyncMaxPending(maxPending), natsjs.WithPublishAsyncTimeout(chunkTimeout))
	if err != nil {
		return nil, wrap(err)
	}
	return &Store{
		nc: nc, js: js, blobs: blobs, ns: ns, mux: mux{nc: nc}, refusals: refusalsOf(nc),
		closings: closings{families: map[string]bool{}, waiting: map[string]chan<- protocol.Outcome{}},
	}, nil
}

// Open returns the store of a namespace that an orchestrator has created. An error of code no_orchestrator says that none
// has; unavailable, that there is no JetStream.
func Open(ctx context.Context, nc *nats.Conn, ns protocol.Namespace) (*Store, error) {
	s, err := newStore(nc, ns)
	if err != nil {
		return nil, err
	}
	entry, err := s.lastOf(ctx, bucketStream(ns.Bucket(configBucket)), bucketKey(ns.Bucket(configBucket), protocol.ConfigKey))
	switch {
	case errors.Is(err, natsjs.ErrStreamNotFound), err == nil && entry.Seq == 0:
		return nil, protocol.Errorf(protocol.CodeNoOrchestrator, "there is no namespace %q on this NATS", string(ns)).
			WithHint("start an orchestrator: `millrace dev` on this machine, or `millrace serve` next to your NATS")
	case err != nil:
		return nil, wrap(err)
	}
	if err := s.configure(entry.Data); err != nil {
		return nil, err
	}
	s.ready()
	return s, nil
}

// ready makes room for what is remembered of each shard.
func (s *Store) ready() {
	s.stored, s.seen = make(sequences, s.config.Shards), make([]inboxSeen, s.config.Shards)
}

// configure reads the namespace's configuration.
func (s *Store) configure(data []byte) error {
	if err := protocol.Unmarshal(data, &s.config); err != nil || s.config.Shards <= 0 || s.config.Shards > maxShards {
		return protocol.Errorf(protocol.CodeCorrupt, "the configuration of namespace %q cannot be read", string(s.ns)).
			WithHint("restore the key %q of %s", protocol.ConfigKey, s.ns.Bucket(configBucket))
	}
	return nil
}

// Shards is the namespace's number of shards.
func (s *Store) Shards() int { return s.config.Shards }

// Namespace is the namespace's name.
func (s *Store) Namespace() protocol.Namespace { return s.ns }

// MaxMessage is how many bytes a message can have.
func (s *Store) MaxMessage() int { return int(s.nc.MaxPayload()) }

// Conn is the connection that the store was made from.
func (s *Store) Conn() *nats.Conn { return s.nc }

func (s *Store) shard(workflow string) int { return protocol.Shard(workflow, s.config.Shards) }

// bounded gives a context without deadline one.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultTimeout)
}
