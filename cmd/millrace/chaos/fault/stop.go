package fault

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
)

func stopNode(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p, shards, err := owner(ctx, f, r)
	if err != nil {
		return Harm{}, err
	}
	return Harm{What: p.Name(), Shards: shards, Moves: true, For: between(r, 3*time.Second, 8*time.Second)}, p.Freeze()
}

func stopWorker(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p := one(r, f.Workers)
	return Harm{What: p.Name(), Worker: p.ID(), For: between(r, time.Second, 10*time.Second)}, p.Freeze()
}

func stopServer(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p := one(r, f.Servers)
	return Harm{What: p.Name(), For: between(r, time.Second, 12*time.Second)}, p.Freeze()
}
