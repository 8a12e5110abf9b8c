package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// tick is how often somebody looks for what nobody announces.
	tick = 20 * time.Millisecond
	// glance is how long an answer of NATS may take while it is looked at.
	glance = 500 * time.Millisecond
)

// Until looks again and again, until something holds or ctx ends. It returns what was last in the way.
func Until(ctx context.Context, what string, holds func(context.Context) error) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, err)
		}
	}
}

// Whole waits until every process runs, every stream has a leader whose copies are current, and every shard an owner that is there.
func (f *Fleet) Whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := Until(ctx, "the copies of every stream", f.copied); err != nil {
		return err
	}
	return Until(ctx, "an owner of each shard", func(ctx context.Context) error {
		owners, err := f.Owners(ctx)
		if err != nil {
			return err
		}
		for s := range f.store.Shards() {
			if o := owners[s].Node; o == "" || !f.runs(o) {
				return fmt.Errorf("shard %d is %q's", s, o)
			}
		}
		return nil
	})
}

// copied reports a stream of the namespace that has copies which lag behind.
func (f *Fleet) copied(ctx context.Context) error {
	if len(f.Servers) < 2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*glance)
	defer cancel()
	found := 0
	all := f.js.ListStreams(ctx)
	for st := range all.Info() {
		if !f.ours(st.Config.Name) {
			continue
		}
		found++
		if err := current(st); err != nil {
			return fmt.Errorf("%s: %w", st.Config.Name, err)
		}
	}
	if err := all.Err(); err != nil {
		return fmt.Errorf("%d streams of %d answered: %w", found, len(f.Streams()), err)
	}
	if found < len(f.Streams()) {
		return fmt.Errorf("%d streams of %d answer", found, len(f.Streams()))
	}
	return nil
}

func current(st *natsjs.StreamInfo) error {
	if st.Cluster == nil || st.Cluster.Leader == "" {
		return errors.New("there is no leader")
	}
	for _, r := range st.Cluster.Replicas {
		if !r.Current || r.Offline {
			return fmt.Errorf("the copy of %s lags behind", r.Name)
		}
	}
	return nil
}

// runs reports whether a node of that ID runs. One that is not of the fleet is taken to.
func (f *Fleet) runs(node string) bool {
	for _, p := range f.Nodes {
		if strings.HasPrefix(node, p.Name()+"-") {
			return p.Runs() && p.ID() == node
		}
	}
	return true
}

// History asks about the history of a shard, once.
func (f *Fleet) History(ctx context.Context, shard int) (*natsjs.StreamInfo, error) {
	return f.info(ctx, f.o.Namespace.HistoryStream(shard))
}

func (f *Fleet) info(ctx context.Context, stream string) (*natsjs.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	st, err := f.js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	return st.CachedInfo(), nil // just asked for
}

// Owners are the leases, by shard.
func (f *Fleet) Owners(ctx context.Context) (owners map[int]protocol.HeldLease, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err = Until(ctx, "the leases", func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, glance)
		defer cancel()
		owners, err = f.store.Leases(ctx)
		return err
	})
	return owners, err
}

// Leader is the server that leads a stream, and followers are the others.
func (f *Fleet) Leader(ctx context.Context, stream string) (leader *Process, followers []*Process, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err = Until(ctx, "a leader of "+stream, func(ctx context.Context) error {
		st, err := f.info(ctx, stream)
		if err != nil {
			return err
		}
		leader, followers = f.leads(st)
		if leader == nil {
			return fmt.Errorf("no server of the fleet leads %s", stream)
		}
		return nil
	})
	return leader, followers, err
}

func (f *Fleet) leads(st *natsjs.StreamInfo) (leader *Process, followers []*Process) {
	if st.Cluster == nil || len(f.Servers) < 2 {
		return nil, nil
	}
	for _, p := range f.Servers {
		if _, port, _ := strings.Cut(p.part.Routes[0], ":"); strings.HasSuffix(st.Cluster.Leader, "-"+port) {
			leader = p
		} else {
			followers = append(followers, p)
		}
	}
	return leader, followers
}

// Namespace is where the fleet's workflows live.
func (f *Fleet) Namespace() protocol.Namespace { return f.o.Namespace }

// Remove takes the namespace out of NATS, with everything in it. It is for one that was made for the fleet alone.
func (f *Fleet) Remove(ctx context.Context) error {
	var errs []error
	for _, p := range slices.Concat(f.Workers, f.Nodes) {
		errs = append(errs, p.Stop())
	}
	if f.js == nil { // it never came so far
		return errors.Join(errs...)
	}
	all := f.js.StreamNames(ctx)
	for name := range all.Name() {
		if f.ours(name) {
			errs = append(errs, f.js.DeleteStream(ctx, name))
		}
	}
	return errors.Join(append(errs, all.Err())...)
}

// ours reports whether a stream is of the namespace.
func (f *Fleet) ours(stream string) bool {
	return strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(stream, "KV_"), "OBJ_"), f.o.Namespace.Bucket(""))
}

// Look is a connection to the servers themselves, past every link.
func (f *Fleet) Look() *nats.Conn { return f.look }

// Shards is how many shards there are. The user's namespace may have its own number.
func (f *Fleet) Shards() int { return f.store.Shards() }

// Streams are those that a step of a workflow depends on.
func (f *Fleet) Streams() []string {
	names := []string{f.o.Namespace.TasksStream()}
	for s := range f.Shards() {
		names = append(names, f.o.Namespace.HistoryStream(s), f.o.Namespace.InboxStream(s), f.o.Namespace.TimersStream(s))
	}
	return names
}
