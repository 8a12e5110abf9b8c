package fault

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
)

func killNode(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p, shards, err := owner(ctx, f, r)
	if err != nil {
		return Harm{}, err
	}
	p.Kill()
	return Harm{What: p.Name(), Shards: shards, Moves: true, For: between(r, 0, 3*time.Second)}, nil
}

func killWorker(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p := one(r, f.Workers)
	p.Kill()
	return Harm{What: p.Name(), Worker: p.ID(), For: between(r, 0, 8*time.Second)}, nil
}

func killLeader(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	stream := one(r, f.Streams())
	leader, _, err := f.Leader(ctx, stream)
	if err != nil {
		return Harm{}, err
	}
	leader.Kill()
	return Harm{What: leader.Name() + ", leader of " + stream, For: between(r, 0, 5*time.Second)}, nil
}

func killFollower(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	stream := one(r, f.Streams())
	_, followers, err := f.Leader(ctx, stream)
	if err != nil {
		return Harm{}, err
	}
	p := one(r, followers)
	p.Kill()
	return Harm{What: p.Name() + ", follower of " + stream, For: between(r, 0, 5*time.Second)}, nil
}

func killAll(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	all := f.Processes()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, p := range all {
		p.Kill()
	}
	return Harm{What: "everything", Lasts: true}, nil
}

func loseQuorum(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	two := slices.Clone(f.Servers)
	r.Shuffle(len(two), func(i, j int) { two[i], two[j] = two[j], two[i] })
	two = two[:len(two)/2+1]
	h := Harm{Lasts: true, For: between(r, time.Second, 6*time.Second)}
	for _, p := range two {
		h.What += p.Name() + " "
		if r.IntN(2) == 0 {
			p.Kill()
			continue
		}
		if err := p.Freeze(); err != nil {
			return h, err
		}
	}
	return h, nil
}

// rollingRestart is over when it returns: what it is about is what the load feels meanwhile.
func rollingRestart(ctx context.Context, f *fleet.Fleet, _ *rand.Rand) (Harm, error) {
	for _, p := range f.Nodes {
		if err := p.Stop(); err != nil {
			return Harm{}, err
		}
		if err := p.Start(ctx); err != nil {
			return Harm{}, err
		}
	}
	return Harm{What: "all nodes", Lasts: true}, nil
}
