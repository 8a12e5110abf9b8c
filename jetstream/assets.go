package jetstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// The buckets of a namespace.
const (
	runsBucket       = "runs"
	leasesBucket     = "leases"
	nodesBucket      = "nodes"
	workersBucket    = "workers"
	heartbeatsBucket = "heartbeats"
	configBucket     = "config"
)

// allBuckets are they, for a pattern.
var allBuckets = []string{runsBucket, leasesBucket, nodesBucket, workersBucket, heartbeatsBucket, configBucket}

const (
	// inboxWindow is how long a repeated request is recognised by its message ID. Beyond it the workflow's own state
	// recognises it.
	inboxWindow = 2 * time.Minute
	// taskWindow is how long a task that has been done is not dispatched again. It covers a failover, in which the new
	// owner repeats the effects of the last record.
	taskWindow = 30 * time.Second
	// createTimeout is how long it may take until a namespace is there, askFor how long one of the askings, and askAgain the pause
	// between two.
	createTimeout = 30 * time.Second
	askFor        = 2 * time.Second
	askAgain      = 100 * time.Millisecond
	// heartbeatsKept is how long the last heartbeat of an activity is remembered.
	heartbeatsKept = 24 * time.Hour
)

// schema is the version of the assets' layout, kept in their metadata.
var schema = map[string]string{"millrace.schema": "1"}

// Create returns the store of a namespace and makes whatever of it is missing. Several nodes may create one namespace at the
// same time; the first one decides about the number of shards.
func Create(ctx context.Context, nc *nats.Conn, ns protocol.Namespace, o Options) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	if o.Shards == 0 {
		o.Shards = DefaultShards
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.Shards < 0 || o.Shards > maxShards {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "%d shards are not possible", o.Shards).WithHint("1 to 1,024 are")
	}
	s, err := newStore(nc, ns)
	if err != nil {
		return nil, err
	}
	ctx, done := s.allowed(ctx, s.api(""), "$KV.", s.ns.Pattern(""))
	if err := done(s.create(ctx, o)); err != nil {
		return nil, wrap(err)
	}
	return s, nil
}

// create makes what is missing.
func (s *Store) create(ctx context.Context, o Options) error {
	if err := settled(ctx, func(ctx context.Context) error { return s.decide(ctx, o) }); err != nil {
		return err
	}
	s.ready()
	var group errgroup.Group
	each := func(f func(context.Context) error) { group.Go(func() error { return settled(ctx, f) }) }
	for _, cfg := range s.streams(o.Replicas) {
		each(func(ctx context.Context) error { return s.stream(ctx, cfg) })
	}
	for _, cfg := range s.buckets(o.Replicas) {
		each(func(ctx context.Context) error { return s.bucket(ctx, cfg) })
	}
	each(func(ctx context.Context) error {
		_, err := s.js.CreateObjectStore(ctx, natsjs.ObjectStoreConfig{
			Bucket: s.ns.BlobStore(), Description: "Millrace: large payloads", Replicas: o.Replicas,
		})
		return unlessThere(s.blobStream(), err)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if err := settled(ctx, s.tuneBuckets); err != nil {
		return err
	}
	return settled(ctx, s.keepTasks)
}

// settled asks until the servers of a cluster agree who leads. Until they do, they say nothing, or do not know of a stream that one of them
// has just made for another node; so each asking is short. Whatever is asked like this may be asked twice.
func settled(ctx context.Context, ask func(context.Context) error) error {
	for {
		once, cancel := context.WithTimeout(ctx, askFor)
		err := ask(once)
		cancel()
		if err == nil || !unsettled(err) {
			return err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return err
		}
	}
}

// unsettled reports whether an error may mean that a cluster is still being set up.
func unsettled(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, natsjs.ErrBucketNotFound) ||
		errors.Is(err, natsjs.ErrStreamNotFound) || hasNoLeader(err)
}

// keepTasks puts one message into the task stream that nobody ever takes. A stream whose last message is removed deletes its
// block file and makes a new one: 0.7 ms of the server's time for every task of a queue that is idle otherwise, and the
// stream's lock is held meanwhile. With this message the stream is never empty.
func (s *Store) keepTasks(ctx context.Context) error {
	_, err := s.js.Publish(ctx, s.ns.TasksAnchor(), nil)
	if waiting(err) {
		return nil // another node, or an earlier start, has put it there
	}
	return wrap(err)
}

// decide writes the namespace's configuration, or reads the one that is there.
func (s *Store) decide(ctx context.Context, o Options) error {
	name := s.ns.Bucket(configBucket)
	err := s.bucket(ctx, natsjs.KeyValueConfig{Bucket: name, Description: "Millrace: configuration", Replicas: o.Replicas})
	if err != nil {
		return err
	}
	kv, err := s.js.KeyValue(ctx, name)
	if err != nil {
		return err
	}
	s.config = protocol.NamespaceConfig{Shards: o.Shards, Created: time.Now().UTC(), Version: protocol.RecordVersion}
	data, err := protocol.Marshal(s.config)
	if err != nil {
		return err
	}
	_, err = kv.Create(ctx, protocol.ConfigKey, data)
	if !errors.Is(err, natsjs.ErrKeyExists) {
		return err
	}
	// From the leader: another copy may not know yet of what somebody else has just written.
	entry, err := s.lastOf(ctx, bucketStream(name), bucketKey(name, protocol.ConfigKey))
	if err != nil {
		return err
	}
	return s.configure(entry.Data)
}

// stream makes a stream unless it is there. One that is there is left as it is: an operator may have tuned it.
func (s *Store) stream(ctx context.Context, cfg natsjs.StreamConfig) error {
	_, err := s.js.CreateStream(ctx, cfg)
	return unlessThere(cfg.Name, err)
}

// bucket makes a bucket unless it is there. An update would give it this node's number of replicas: a node that is started
// without that flag would take the copies of a replicated namespace away.
func (s *Store) bucket(ctx context.Context, cfg natsjs.KeyValueConfig) error {
	_, err := s.js.CreateKeyValue(ctx, cfg)
	return unlessThere(bucketStream(cfg.Bucket), err)
}

// tuneBuckets changes what the call that makes buckets knows nothing of. Rows of runs are written by atomic batches. Into the other two
// workers write, each below keys of its own: a rollup would take the keys of the others along, and is not needed. What a worker removes
// leaves a marker, which goes by itself.
func (s *Store) tuneBuckets(ctx context.Context) error {
	return errors.Join(
		s.tune(ctx, runsBucket, func(c *natsjs.StreamConfig) { c.AllowAtomicPublish = true }),
		s.tune(ctx, workersBucket, func(c *natsjs.StreamConfig) { c.AllowMsgTTL, c.AllowRollup = true, false }),
		s.tune(ctx, heartbeatsBucket, func(c *natsjs.StreamConfig) { c.AllowRollup = false }),
	)
}

func (s *Store) tune(ctx context.Context, bucket string, change func(*natsjs.StreamConfig)) error {
	stream, err := s.js.Stream(ctx, bucketStream(s.ns.Bucket(bucket)))
	if err != nil {
		return err
	}
	cfg := stream.CachedInfo().Config
	change(&cfg)
	if is := stream.CachedInfo().Config; cfg.AllowAtomicPublish == is.AllowAtomicPublish &&
		cfg.AllowMsgTTL == is.AllowMsgTTL && cfg.AllowRollup == is.AllowRollup {
		return nil
	}
	_, err = s.js.UpdateStream(ctx, cfg)
	return err
}

// unlessThere is the error of making a stream that may be there. One with a damaged file is not, though it was: some bits of a message are
// not covered by its checksum, and for them the server gives the whole stream up.
func unlessThere(stream string, err error) error {
	if errors.Is(err, natsjs.ErrStreamNameAlreadyInUse) || errors.Is(err, natsjs.ErrBucketExists) {
		return nil
	}
	if hasCode(err, codeNotOpened) {
		return protocol.Errorf(protocol.CodeUnavailable, "NATS cannot open its files of the stream %s", stream).WithHint(
			"its log says why; if a file is damaged, stop the server, move the directory streams/%s away, and start it again: what "+
				"follows from history is made anew, and the rest is in a backup", stream)
	}
	return err
}

func (s *Store) streams(replicas int) []natsjs.StreamConfig {
	base := natsjs.StreamConfig{
		Storage: natsjs.FileStorage, Replicas: replicas, Metadata: schema, AllowDirect: true, MaxMsgsPerSubject: -1,
	}
	with := func(name, about string, subjects string, f func(*natsjs.StreamConfig)) natsjs.StreamConfig {
		c := base
		c.Name, c.Description, c.Subjects = name, "Millrace: "+about, []string{subjects}
		f(&c)
		return c
	}
	all := []natsjs.StreamConfig{
		with(s.ns.TasksStream(), "what workers must do", s.ns.Tasks(), func(c *natsjs.StreamConfig) {
			c.Retention, c.Discard, c.DiscardNewPerSubject = natsjs.WorkQueuePolicy, natsjs.DiscardNew, true
			c.MaxMsgsPerSubject, c.Duplicates = 1, taskWindow
		}),
		with(s.ns.DeadStream(), "what could not be understood", s.ns.DeadLetters(), func(*natsjs.StreamConfig) {}),
	}
	for i := range s.config.Shards {
		n := strconv.Itoa(i)
		all = append(all,
			with(s.ns.InboxStream(i), "what the world tells shard "+n, s.ns.Inputs(i), func(c *natsjs.StreamConfig) {
				c.Duplicates = inboxWindow
			}),
			with(s.ns.HistoryStream(i), "what happened in shard "+n, s.ns.Histories(i), func(c *natsjs.StreamConfig) {
				c.Compression, c.DenyDelete = natsjs.S2Compression, true
			}),
			with(s.ns.TimersStream(i), "wake-ups of shard "+n, s.ns.Timers(i), func(c *natsjs.StreamConfig) {
				c.AllowMsgSchedules, c.AllowRollup = true, true
			}),
		)
	}
	return all
}

func (s *Store) buckets(replicas int) []natsjs.KeyValueConfig {
	bucket := func(name, about string, ttl time.Duration) natsjs.KeyValueConfig {
		return natsjs.KeyValueConfig{
			Bucket: s.ns.Bucket(name), Description: "Millrace: " + about, Replicas: replicas, TTL: ttl,
		}
	}
	return []natsjs.KeyValueConfig{
		bucket(runsBucket, "runs, for list", 0),
		bucket(leasesBucket, "which node works on which shard", 0),
		bucket(nodesBucket, "orchestrator nodes", 0),
		bucket(workersBucket, "workers", 0),
		bucket(heartbeatsBucket, "what activities last reported", heartbeatsKept),
	}
}
