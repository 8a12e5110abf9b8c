package jetstream

import (
	"context"

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
