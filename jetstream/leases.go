package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// pingTimeout is how long a process may take to say that it lives.
const pingTimeout = time.Second

// Join announces a node, answers the others' pings, and calls take when they hand a shard to it. leave takes that back.
func (s *Store) Join(
	ctx context.Context, n protocol.Node, take func(protocol.Baton) (taken bool),
) (leave func(context.Context), err error) {
	stop, err := s.subscribe(s.ns.NodePing(n.ID), "", func(m *nats.Msg) {
		if len(m.Data) == 0 {
			_ = s.answer(&nats.Msg{Subject: m.Reply})
			return
		}
		s.Go(func() {
			var b protocol.Baton
			taken := decode(m.Data, &b) && b.Shard >= 0 && b.Shard < s.Shards() && take(b)
			_ = s.answerJSON(m.Reply, protocol.BatonAnswer{Taken: taken})
		})
	})
	if err != nil {
		return nil, err
	}
	if err := s.Announce(ctx, n); err != nil {
		stop()
		return nil, err
	}
	return func(ctx context.Context) {
		_ = s.Forget(ctx, n.ID) // if it fails, the others will miss the node and do it
		stop()
		s.news()
	}, nil
}

// Announce says what there is to know of a node that has joined.
func (s *Store) Announce(ctx context.Context, n protocol.Node) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := s.put(nodesBucket, protocol.Token(n.ID), n)(ctx); err != nil {
		return err
	}
	s.news()
	return nil
}

// Nodes lists the announced nodes.
func (s *Store) Nodes(ctx context.Context) ([]protocol.Node, error) {
	var nodes []protocol.Node
	for e, err := range s.entries(ctx, nodesBucket) {
		if err != nil {
			return nil, err
		}
		var n protocol.Node
		// One under another key no node has written, nor could anybody forget it.
		if protocol.Unmarshal(e.value, &n) == nil && e.key == protocol.Token(n.ID) {
			nodes = append(nodes, n)
		}
	}
	return nodes, nil
}

// Alive asks a node for a sign of life.
func (s *Store) Alive(ctx context.Context, node string) bool {
	return s.ping(ctx, s.ns.NodePing(node)) == nil
}

// Forget removes a node's announcement, and tells the nodes, of which it may be one after all.
func (s *Store) Forget(ctx context.Context, node string) error {
	defer s.news()
	bucket := s.ns.Bucket(nodesBucket)
	return s.purge(ctx, bucketStream(bucket), natsjs.WithPurgeSubject(bucketKey(bucket, protocol.Token(node))))
}

// Leases reads every lease, by shard. One that was given up names no node.
func (s *Store) Leases(ctx context.Context) (map[int]protocol.HeldLease, error) {
	leases := make(map[int]protocol.HeldLease)
	for e, err := range s.watched(ctx, leasesBucket) {
		if err != nil {
			return nil, err
		}
		var l protocol.HeldLease
		var shard int
		if _, err := fmt.Sscanf(e.key, "shard.%d", &shard); err != nil {
			continue // not ours
		}
		if protocol.Unmarshal(e.value, &l.Lease) != nil {
			// Nobody's, as one that was given up is: whoever should have the shard takes it, by a compare-and-set on what is there.
			l.Lease = protocol.Lease{}
		}
		l.Revision = e.revision
		leases[shard] = l
	}
	return leases, nil
}

// LeaseRevision reads the revision of a shard's lease from the bucket's leader.
func (s *Store) LeaseRevision(ctx context.Context, shard int) (uint64, error) {
	bucket := s.ns.Bucket(leasesBucket)
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.LeaseKey(shard)))
	return e.Seq, wrap(err)
}

// Acquire takes a shard if its lease is still at the given revision; 0 says that nobody ever held it.
func (s *Store) Acquire(ctx context.Context, shard int, l protocol.Lease, revision uint64) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	data, err := protocol.Marshal(l)
	if err != nil {
		return 0, err
	}
	m := &nats.Msg{Subject: bucketKey(s.ns.Bucket(leasesBucket), protocol.LeaseKey(shard)), Data: data}
	ack, err := s.js.PublishMsg(ctx, m, natsjs.WithExpectLastSequencePerSubject(revision))
	if hasCode(err, codeWrongLastSequence) || hasCode(err, codeInFlight) {
		return 0, protocol.Errorf(protocol.CodeConflict, "another node took shard %d", shard)
	}
	if err != nil {
		return 0, wrap(err)
	}
	return ack.Sequence, nil
}

// passFor is how long another node has to take a shard that it is handed. One that is silent for longer may be gone.
const passFor = 2 * time.Second

// Pass hands a shard to another node, and reports whether that has taken it.
func (s *Store) Pass(ctx context.Context, node string, b protocol.Baton) (taken bool) {
	ctx, cancel := context.WithTimeout(ctx, passFor)
	defer cancel()
	data, err := protocol.Marshal(b)
	if err != nil {
		return false
	}
	m, err := s.nc.RequestWithContext(ctx, s.ns.NodePing(node), data)
	var answer protocol.BatonAnswer
	return err == nil && decode(m.Data, &answer) && answer.Taken // one of an older version answers whatever it is asked, with nothing
}

// Yield gives a shard up if its lease is still at the given revision, and tells the other nodes.
func (s *Store) Yield(ctx context.Context, shard int, revision uint64) error {
	defer s.news()
	return s.remove(ctx, leasesBucket, protocol.LeaseKey(shard), natsjs.WithExpectLastSequencePerSubject(revision))
}

// News calls handle whenever a node joined, left or gave up a shard, and when the connection is back: what was announced
// meanwhile went by unheard, and other nodes may have taken over.
func (s *Store) News(handle func()) (stop func(), err error) {
	unsubscribe, err := s.subscribe(s.ns.NodeNews(), "", func(*nats.Msg) { handle() })
	if err != nil {
		return nil, err
	}
	connected := s.nc.StatusChanged(nats.CONNECTED)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range connected {
			handle()
		}
	}()
	return func() {
		unsubscribe()
		s.nc.RemoveStatusListener(connected)
		<-done
	}, nil
}

// news tells the nodes to look. It may get lost; they look around now and then anyway.
func (s *Store) news() { _ = s.nc.Publish(s.ns.NodeNews(), nil) }
