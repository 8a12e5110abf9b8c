package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
)

// Fault is one way in which a fleet can go wrong.
type Fault struct {
	Name string
	// About is a sentence without a full stop.
	About string
	// Servers says that it is about the NATS servers, which must be the fleet's own.
	Servers bool
	// Prepare changes the fleet before it starts; nil leaves it as it is. An error says what is missing here for this fault.
	Prepare func(ctx context.Context, o *fleet.Options) error
	// Strike does harm. Whatever is dead, frozen or cut off afterwards, [fleet.Fleet.Restore] brings back.
	Strike func(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error)
}

// Harm is what a fault did.
type Harm struct {
	// What says to whom.
	What string
	// Began is when it began, if there was something to do before; zero: at once.
	Began time.Time
	// Shards are those that stand still until somebody does something about it; empty means all.
	Shards []int
	// Moves says that the shards go on once other nodes have them.
	Moves bool
	// Worker is the ID of a worker whose activities have to be begun by others.
	Worker string
	// Lasts says that the shards may stand still until the harm is undone: recovery counts from then on.
	Lasts bool
	// For is how long it is left alone at least.
	For time.Duration
	// Undo is what is to be done beside [fleet.Fleet.Restore], and before; nil for nothing.
	Undo func(ctx context.Context) error
}

// between is a time between two others.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// owner chooses a node that owns shards. One that has just come may have none yet.
func owner(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (node *fleet.Process, shards []int, err error) {
	owners, err := f.Owners(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range r.Perm(len(f.Nodes)) {
		for s, l := range owners {
			if l.Node == f.Nodes[i].ID() {
				shards = append(shards, s)
			}
		}
		if len(shards) > 0 {
			slices.Sort(shards)
			return f.Nodes[i], shards, nil
		}
	}
	return nil, nil, errors.New("no node of the fleet owns a shard")
}
