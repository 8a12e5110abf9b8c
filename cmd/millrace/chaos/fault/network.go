package fault

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
)

// cut takes the network of a process away in one of four ways, and says in which.
func cut(name string, links []*fleet.Link, r *rand.Rand) string {
	way := r.IntN(4)
	for _, l := range links {
		other := l.To
		if other == name {
			other = l.From
		}
		switch way {
		case 0:
			l.Refuse()
		case 1:
			l.Silence(name, other)
		case 2:
			l.Silence(name)
		case 3:
			l.Silence(other)
		}
	}
	return name + []string{" refused", " cut off", " not heard", " deaf"}[way]
}

func partitionClient(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	what := cut(fleet.ClientName, f.LinksOf(fleet.ClientName), r)
	return Harm{What: what, Lasts: true, For: between(r, time.Second, 8*time.Second)}, nil
}

func partitionNode(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p, shards, err := owner(ctx, f, r)
	if err != nil {
		return Harm{}, err
	}
	what := cut(p.Name(), f.LinksOf(p.Name()), r)
	return Harm{What: what, Shards: shards, Moves: true, For: between(r, 3*time.Second, 8*time.Second)}, nil
}

func partitionWorker(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p := one(r, f.Workers)
	return Harm{What: cut(p.Name(), f.LinksOf(p.Name()), r), Worker: p.ID(), For: between(r, time.Second, 10*time.Second)}, nil
}

func partitionRoute(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	i := r.IntN(len(f.Servers))
	a, b := f.Servers[i], f.Servers[(i+1)%len(f.Servers)]
	links, from := f.Links(a.Name(), b.Name()), b.Name()
	if r.IntN(2) == 0 {
		links, from = append(links, f.Links(a.Name(), f.Servers[(i+2)%len(f.Servers)].Name())...), "all servers"
	}
	what := cut(a.Name(), links, r) + " by " + from
	return Harm{What: what, Lasts: true, For: between(r, time.Second, 10*time.Second)}, nil
}

// delay has each connection delay what it carries by another time than its neighbour: only within one does order last.
func delay(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	most := between(r, 5*time.Millisecond, 60*time.Millisecond)
	for _, l := range f.AllLinks() {
		l.Delay(0, most)
	}
	return Harm{What: "up to " + most.Round(time.Millisecond).String(), Lasts: true, For: between(r, 2*time.Second, 6*time.Second)}, nil
}
