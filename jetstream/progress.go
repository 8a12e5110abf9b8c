package jetstream

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// Progress reads how far the owners of a shard have come, from the bucket's leader; its zero value says that nobody has said.
func (s *Store) Progress(ctx context.Context, shard int) (protocol.Progress, error) {
	var p protocol.Progress
	bucket := s.ns.Bucket(leasesBucket)
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.ProgressKey(shard)))
	if err != nil || len(e.Data) == 0 {
		return p, wrap(err)
	}
	if err := protocol.Unmarshal(e.Data, &p); err != nil {
		return p, protocol.Errorf(protocol.CodeCorrupt, "the progress of shard %d cannot be read: %v", shard, err)
	}
	return p, nil
}

// PutProgress stores how far the owner of a shard has come.
func (s *Store) PutProgress(ctx context.Context, shard int, p protocol.Progress) error {
	return s.put(leasesBucket, protocol.ProgressKey(shard), p)(ctx)
}

// Tails says where the streams beside a shard's history end.
func (s *Store) Tails(ctx context.Context, shard int) (t protocol.Tails, err error) {
	var g errgroup.Group
	for stream, last := range map[string]*uint64{
		s.ns.InboxStream(shard): &t.Inbox, s.ns.TimersStream(shard): &t.Timers, s.ns.TasksStream(): &t.Tasks,
	} {
		g.Go(func() error {
			state, err := s.state(ctx, stream)
			*last = state.LastSeq
			return err
		})
	}
	err = g.Wait()
	return t, err
}

// Consumed is the highest inbox sequence that the shard's records consumed from a sequence on. A record that cannot be read counts as none.
func (s *Store) Consumed(ctx context.Context, shard int, from uint64) (upTo uint64, err error) {
	for d, err := range s.scan(ctx, s.ns.HistoryStream(shard), s.ns.Histories(shard), from, true) {
		if err != nil {
			return 0, wrap(err)
		}
		var r struct {
			Inputs []uint64 `json:"inputs"`
		}
		if data, err := protocol.Unpack(d.Data); err == nil && protocol.Unmarshal(data, &r) == nil && len(r.Inputs) > 0 {
			upTo = max(upTo, slices.Max(r.Inputs))
		}
	}
	return upTo, nil
}

// Server names the server that has the streams, if no other one has copies of them; empty otherwise. It has another name each time that it
// is started.
func (s *Store) Server(ctx context.Context) (string, error) {
	if s.nc.ConnectedClusterName() != "" {
		return "", nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	st, err := s.js.Stream(ctx, s.ns.TasksStream())
	if err != nil {
		return "", wrap(err)
	}
	if c := st.CachedInfo().Cluster; c != nil && (c.Name != "" || len(c.Replicas) > 0) {
		return "", nil
	}
	return s.nc.ConnectedServerId(), nil
}
