package traffic

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// Options say what load to make.
type Options struct {
	// Namespace is where the workflows live. Defaults to "default".
	Namespace protocol.Namespace
	// Conns are the clients' connections, which they share: to different servers if there are.
	Conns []*nats.Conn
	// Queue is the task queue, whose workers are those of [Worker].
	Queue string
	// Runs is how many scripts are played, each with a workflow or more, and InFlight how many at once.
	Runs, InFlight int
	// Seed chooses the scripts, and what happens in each.
	Seed uint64
	// LedgerDir is where the workers' ledgers are.
	LedgerDir string
	// Progress hears how many scripts have been played, from any goroutine. May be nil.
	Progress func(done int)
}

// load is a load under way.
type load struct {
	Options

	prefix  string
	shards  int
	clients []*client.Client
	began   time.Time

	mu    sync.Mutex
	calls []verdict.Call
	ran   []Ran
}

// Run plays the scripts. When ctx ends before, it returns what was done so far, and the context's error.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.Namespace = cmp.Or(o.Namespace, protocol.DefaultNamespace)
	l := &load{Options: o, prefix: "chaos-" + uuid.NewString()[:8], began: time.Now()}
	for _, nc := range o.Conns {
		c, err := client.New(nc, client.Namespace(string(o.Namespace)), client.DefaultQueue(o.Queue))
		if err != nil {
			return nil, err
		}
		l.clients = append(l.clients, c)
	}
	if err := l.findShards(ctx); err != nil {
		return nil, err
	}
	var all errgroup.Group
	all.SetLimit(max(1, o.InFlight))
	for n := 0; n < o.Runs && ctx.Err() == nil; n++ {
		all.Go(func() error {
			l.play(ctx, n)
			return nil
		})
	}
	_ = all.Wait() // nobody returns an error
	return l.report(), ctx.Err()
}

// findShards asks how many shards there are, until somebody says.
func (l *load) findShards(ctx context.Context) error {
	for {
		store, err := jetstream.Open(ctx, l.Conns[0], l.Namespace)
		if err == nil {
			l.shards = store.Shards()
			return nil
		}
		if !repeatable(err) || pause(ctx, retry) != nil {
			return err
		}
	}
}

// play plays one script.
func (l *load) play(ctx context.Context, n int) {
	s := &scene{load: l, rand: rand.New(rand.NewPCG(l.Seed, uint64(n))), first: n} //nolint:gosec // a seed must repeat itself
	script := pick(s.rand)
	s.id = fmt.Sprintf("%s-%s-%d", l.prefix, script.name, n)
	began := l.now()
	script.play(s, ctx)
	l.mu.Lock()
	l.ran = append(l.ran, Ran{
		Script: script.name, Workflow: s.id, Shard: protocol.Shard(s.id, l.shards), Began: began, Ended: l.now(),
	})
	done := len(l.ran)
	l.mu.Unlock()
	if l.Progress != nil {
		l.Progress(done)
	}
}

// now is the load's time, by the monotonic clock.
func (l *load) now() time.Duration { return time.Since(l.began) }

func (l *load) report() *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Report{
		Prefix: l.prefix, Namespace: l.Namespace, Queue: l.Queue, Seed: l.Seed, LedgerDir: l.LedgerDir, Shards: l.shards,
		Began: l.began, Took: l.now(), Ran: l.ran, Calls: l.calls,
	}
}
