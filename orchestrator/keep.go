package orchestrator

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
)

// keep has the blobs of these names stay for a grace period at least. Whoever stores a reference where none was does that first: see the
// argument of [collect]. Mostly they were stored just now, and a look is all that it takes.
func (s *shard) keep(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, name := range names {
		g.Go(func() error { return s.store.KeepBlob(ctx, name, collect.KeepAfter) })
	}
	return g.Wait()
}

// blobsOf is what the last failure of an attempt refers to: until the activity has ended, no record does.
func blobsOf(task protocol.ActivityTask) []string {
	if task.LastFailure == nil {
		return nil
	}
	data, err := protocol.Marshal(task.LastFailure)
	if err != nil {
		return nil
	}
	return protocol.BlobNames(data)
}
