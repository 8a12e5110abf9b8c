package chaos

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fault"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/protocol"
)

// patience is how long shards may stand still. The promise is 5 s after the death of a node; what takes longer than this is no recovery.
const patience = time.Minute

// recovered waits until every shard that a harm concerns stores records again under the load, and returns how long after the moment that
// was.
// A shard that moves goes on once its new owner has stored one: what the old one had sent may arrive late.
func recovered(
	ctx context.Context, f *fleet.Fleet, h fault.Harm, before map[int]protocol.HeldLease, since time.Time,
) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	shards := h.Shards
	if len(shards) == 0 {
		for s := range f.Shards() {
			shards = append(shards, s)
		}
	}
	at := make([]time.Time, len(shards))
	var all errgroup.Group
	for i, s := range shards {
		all.Go(func() (err error) {
			from := since
			if h.Moves {
				if from, err = moved(ctx, f, s, before[s]); err != nil {
					return err
				}
			}
			at[i], err = stored(ctx, f, s, from)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return 0, err
	}
	var last time.Duration
	for _, t := range at {
		last = max(last, t.Sub(since))
	}
	return last, nil
}

// moved waits until a shard has another owner than before, and returns since when.
func moved(ctx context.Context, f *fleet.Fleet, shard int, before protocol.HeldLease) (since time.Time, err error) {
	err = fleet.Until(ctx, fmt.Sprintf("a new owner of shard %d", shard), func(ctx context.Context) error {
		owners, err := f.Owners(ctx)
		if err != nil {
			return err
		}
		l := owners[shard]
		if since = l.Since; l.Node == "" || l.Revision == before.Revision {
			return fmt.Errorf("the shard is still %q's", l.Node)
		}
		return nil
	})
	return since, err
}

// stored waits until a shard has stored a record after a moment, and returns when it was noticed at the latest.
func stored(ctx context.Context, f *fleet.Fleet, shard int, after time.Time) (at time.Time, err error) {
	err = fleet.Until(ctx, fmt.Sprintf("a record of shard %d", shard), func(ctx context.Context) error {
		st, err := f.History(ctx, shard)
		if err != nil {
			return err
		}
		if at = st.State.LastTime; !at.After(after) {
			return fmt.Errorf("the last one is %s old", time.Since(at).Round(time.Millisecond))
		}
		return nil
	})
	return at, err
}
